// The Python stages of the default graph, computed as stages/NAME.py computes them: the same values, bit for bit.
#pragma once
#include <cmath>
#include <iostream>
#include "library.h"

namespace speak {
// Gets a tensor of this type, which has numbers, and so many axes.
inline Tensor Get(const Values& in, const std::string& port, const char* dtype, int axes) {
  auto tensor = Find(in, port, "input").as<Tensor>();
  if (!tensor || tensor->dtype() != ffi::StringToDLDataType(dtype) || tensor->ndim() != axes || tensor->numel() == 0)
    Fail<Unexpected>("got another value for '", port, "', expected ", dtype, " with ", axes, " axes");
  return *tensor;
}

// Splits UTF-8 into its code points.
inline std::vector<std::string> SplitSymbols(const std::string& text) {
  std::vector<std::string> symbols;
  for (char byte : text) {
    if ((byte & 0xC0) == 0x80 && !symbols.empty()) symbols.back() += byte;
    else symbols.emplace_back(1, byte);
  }
  return symbols;
}

// Spells a line with symbols of the vocabulary where it can: the longest spelling that is known, at each place.
inline std::vector<std::string> Normalise(const Bundle& bundle, const std::string& line) {
  std::vector<std::string> written = SplitSymbols(line), found;
  for (size_t at = 0, taken = 1; at < written.size(); at += taken) {
    std::string part, spelled = written[at];
    taken = 1;
    for (size_t size = 1; size <= 3 && at + size <= written.size(); ++size) {
      part += written[at + size - 1];
      auto known = bundle.spellings.find(part);
      if (known != bundle.spellings.end()) taken = size, spelled = known->second;
    }
    for (const std::string& symbol : SplitSymbols(spelled)) found.push_back(symbol);
  }
  return found;
}

inline Values Tokenize(const Bundle& bundle, const Values& in) {
  const std::string alphabet = Find(in, "alphabet", "input").cast<ffi::String>();
  if (alphabet != "kokoro") Fail("--alphabet: got '", alphabet, "', expected kokoro, which alone this host reads");
  bool skips = *Data<bool>(Get(in, "skip_unknown", "bool", 0));
  std::vector<int64_t> ids = {0};
  for (const std::string& symbol : Normalise(bundle, Find(in, "phonemes", "input").cast<ffi::String>())) {
    auto known = bundle.symbols.find(symbol);
    if (known != bundle.symbols.end()) ids.push_back(known->second);
    else if (skips) std::cerr << "warning: dropped the unknown symbol '" << symbol << "'\n";
    else Fail("unknown symbol '", symbol, "'; --skip-unknown true drops it");
  }
  int64_t count = ids.size() - 1, length = count + 2;
  if (count == 0) Fail("no phonemes: give at least one symbol");
  const int64_t most = bundle.most_symbols;
  if (count > most) Fail(count, " symbols, the model takes at most ", most, "; split the line");
  Tensor input_ids = Fill<int64_t>("int64", {1, length}, 0);
  std::copy(ids.begin(), ids.end(), Data<int64_t>(input_ids));
  return {{"input_ids", input_ids}, {"length", Fill<int64_t>("int64", {1}, length)},
          {"text_mask", Fill("bool", {1, length}, false)}, {"attention_mask", Fill<int64_t>("int64", {1, length}, 1)}};
}

inline Values ChooseStyle(const Bundle&, const Values& in) {
  Tensor pack = Get(in, "voice", "float32", 2);
  int64_t rows = pack.shape()[0], style = pack.shape()[1] / 2;
  if (pack.shape()[1] % 2 != 0) Fail<Unexpected>("got ", pack.shape()[1], " columns, expected an even number");
  int64_t symbols = *Data<int64_t>(Get(in, "length", "int64", 1)) - 2;
  int64_t row = std::max<int64_t>(std::min(symbols, rows) - 1, 0);
  Tensor decoder = Allocate("float32", {1, style}), prosody = Allocate("float32", {1, style});
  std::memcpy(Data<float>(decoder), Data<float>(pack) + row * 2 * style, style * sizeof(float));
  std::memcpy(Data<float>(prosody), Data<float>(pack) + (row * 2 + 1) * style, style * sizeof(float));
  return {{"style_decoder", decoder}, {"style_prosody", prosody}};
}

// Sums as NumPy does: eight sums side by side, then what is left. For at most 128 numbers.
inline double SumPairwise(const std::vector<double>& numbers) {
  size_t count = numbers.size(), whole = count - count % 8;
  double sum = 0, part[8] = {};
  for (size_t i = 0; i < whole; ++i) part[i % 8] = i < 8 ? numbers[i] : part[i % 8] + numbers[i];
  if (whole > 0) sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
  for (size_t i = whole; i < count; ++i) sum += numbers[i];
  return sum;
}

inline Values Align(const Bundle&, const Values& in) {
  Tensor logits = Get(in, "logits", "float32", 3), d = Get(in, "d", "float32", 3), t_en = Get(in, "t_en", "float32", 3);
  int64_t tokens = logits.shape()[1], bins = logits.shape()[2];
  if (d.shape()[1] != tokens || t_en.shape()[2] != tokens) Fail<Unexpected>("got other tokens, expected ", tokens);
  int64_t length = *Data<int64_t>(Get(in, "length", "int64", 1));
  char speed[64] = {};  // as a user wrote it: the shortest decimal that is this float32, which is read as a float64
  std::to_chars(speed, speed + sizeof(speed) - 1, *Data<float>(Get(in, "speed", "float32", 0)));
  const double pace = std::strtod(speed, nullptr);
  if (!(0.25 <= pace && pace <= 4)) Fail("--speed: got '", speed, "', expected a number from 0.25 to 4");
  Tensor durations = Allocate("int64", {1, tokens});
  std::vector<int64_t> token_of_frame;
  for (int64_t token = 0; token < tokens; ++token) {
    std::vector<double> likely(bins);
    for (int64_t bin = 0; bin < bins; ++bin) {
      double logit = Data<float>(logits)[token * bins + bin];
      if (!std::isfinite(logit)) Fail("logits are not finite; the duration stage has failed");
      likely[bin] = 0.5 + 0.5 * std::tanh(0.5 * logit);
    }
    // nearbyint rounds halves to even, as np.rint does
    double frames = std::max(std::nearbyint(SumPairwise(likely) / pace), 1.0);
    Data<int64_t>(durations)[token] = token < length ? static_cast<int64_t>(frames) : 0;
    token_of_frame.insert(token_of_frame.end(), Data<int64_t>(durations)[token], token);
  }
  int64_t features = d.shape()[2], hidden = t_en.shape()[1], frame_count = token_of_frame.size();
  auto repeat = [&](const Tensor& from, int64_t channels, int64_t channel_stride, int64_t token_stride) {
    Tensor repeated = Allocate("float32", {1, channels, frame_count});
    float* to = Data<float>(repeated);
    for (int64_t channel = 0; channel < channels; ++channel)
      for (int64_t token : token_of_frame) *to++ = Data<float>(from)[channel * channel_stride + token * token_stride];
    return repeated;
  };
  return {{"durations", durations}, {"frame_count", Fill<int64_t>("int64", {1}, frame_count)},
          {"en", repeat(d, features, 1, features)}, {"asr", repeat(t_en, hidden, tokens, 1)}};
}

inline Values Trim(const Bundle& bundle, const Values& in) {
  Tensor audio = Get(in, "audio", "float32", 2);
  int64_t frames = *Data<int64_t>(Get(in, "frame_count", "int64", 1)), has = audio.shape()[1] / bundle.frame_samples;
  if (frames < 1 || frames > has) Fail<Unexpected>("got ", frames, " frames, expected 1 to the ", has, " of the audio");
  Tensor trimmed = Allocate("float32", {frames * bundle.frame_samples});
  std::memcpy(Data<float>(trimmed), Data<float>(audio), trimmed.numel() * sizeof(float));
  return {{"audio", trimmed}};
}

using Function = Values (*)(const Bundle&, const Values&);
inline const std::map<std::string, Function> kFunctions = {
    {"stages.tokenize", Tokenize}, {"stages.voice", ChooseStyle}, {"stages.align", Align}, {"stages.trim", Trim}};
}  // namespace speak
