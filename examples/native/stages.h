// The Python stages of the default graph, computed as stages/NAME.py computes them: the same values, bit for bit.
#pragma once

#include <charconv>
#include <cmath>
#include <iostream>

#include "library.h"

namespace speak {

// A value between stages: a tensor, or a text (str). A text stays as it is written, also for a number.
struct Value {
  std::string text;
  std::vector<Tensor> tensors;  // one, or none for a text

  const Tensor& tensor() const { return tensors.at(0); }
};
using Values = std::map<std::string, Value>;  // by port

inline Value FromTensor(Tensor tensor) { return {"", {std::move(tensor)}}; }

inline Value FromInteger(int64_t number) {
  Tensor tensor = Allocate("int64", {1});
  *Data<int64_t>(tensor) = number;
  return FromTensor(tensor);
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
  for (size_t at = 0; at < written.size();) {
    size_t taken = 1;
    std::string spelled = written[at];
    for (size_t size = 3; size > 0; --size) {
      std::string part;
      for (size_t i = at; i < std::min(at + size, written.size()); ++i) part += written[i];
      auto known = bundle.spellings.find(part);
      if (at + size > written.size() || known == bundle.spellings.end()) continue;
      taken = size, spelled = known->second;
      break;
    }
    for (const std::string& symbol : SplitSymbols(spelled)) found.push_back(symbol);
    at += taken;
  }
  return found;
}

inline Values Tokenize(const Bundle& bundle, const Values& in) {
  if (in.at("alphabet").text != "kokoro") Fail("alphabet " + in.at("alphabet").text + ": this host reads kokoro alone");
  bool skips = *Data<bool>(in.at("skip_unknown").tensor());
  std::vector<int64_t> ids = {0};
  for (const std::string& symbol : Normalise(bundle, in.at("phonemes").text)) {
    auto known = bundle.symbols.find(symbol);
    if (known != bundle.symbols.end()) ids.push_back(known->second);
    else if (skips) std::cerr << "warning: dropped the unknown symbol '" << symbol << "'\n";
    else Fail("unknown symbol '" + symbol + "'; --skip-unknown true drops it");
  }
  size_t count = ids.size() - 1;
  if (count == 0) Fail("no phonemes: give at least one symbol");
  if (count > bundle.most_symbols) Fail(std::to_string(count) + " symbols, the model takes at most " +
                                        std::to_string(bundle.most_symbols) + "; split the line");
  ids.push_back(0);
  int64_t length = ids.size();
  Tensor input_ids = Allocate("int64", {1, length}), attention = Allocate("int64", {1, length});
  Tensor mask = Allocate("bool", {1, length});
  for (int64_t i = 0; i < length; ++i) {
    Data<int64_t>(input_ids)[i] = ids[i], Data<int64_t>(attention)[i] = 1, Data<bool>(mask)[i] = false;
  }
  return {{"input_ids", FromTensor(input_ids)}, {"length", FromInteger(length)},
          {"text_mask", FromTensor(mask)}, {"attention_mask", FromTensor(attention)}};
}

inline Values ChooseStyle(const Bundle&, const Values& in) {
  const Tensor& pack = in.at("voice").tensor();
  int64_t rows = pack.shape()[0], style = pack.shape()[1] / 2;
  int64_t symbols = *Data<int64_t>(in.at("length").tensor()) - 2;
  int64_t row = std::max<int64_t>(std::min(symbols, rows) - 1, 0);
  Tensor decoder = Allocate("float32", {1, style}), prosody = Allocate("float32", {1, style});
  std::memcpy(Data<float>(decoder), Data<float>(pack) + row * 2 * style, style * sizeof(float));
  std::memcpy(Data<float>(prosody), Data<float>(pack) + (row * 2 + 1) * style, style * sizeof(float));
  return {{"style_decoder", FromTensor(decoder)}, {"style_prosody", FromTensor(prosody)}};
}

// The speed as a user wrote it: the shortest decimal that is this float32, as a float64.
inline double ReadPace(float speed) {
  char text[64] = {};
  std::to_chars(text, text + sizeof(text) - 1, speed);
  double pace = std::strtod(text, nullptr);
  if (!(0.25 <= pace && pace <= 4)) Fail("speed is " + std::string(text) + ", expected a number from 0.25 to 4");
  return pace;
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

// Repeats the features of each token for its frames: [1, channels, frames] of features with these strides.
inline Value Repeat(const Tensor& features, int64_t channels, int64_t channel_stride, int64_t token_stride,
                    const std::vector<int64_t>& token_of_frame) {
  int64_t frames = token_of_frame.size();
  Tensor repeated = Allocate("float32", {1, channels, frames});
  float* to = Data<float>(repeated);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* from = Data<float>(features) + channel * channel_stride;
    for (int64_t token : token_of_frame) *to++ = from[token * token_stride];
  }
  return FromTensor(repeated);
}

inline Values Align(const Bundle&, const Values& in) {
  const Tensor &logits = in.at("logits").tensor(), &d = in.at("d").tensor(), &t_en = in.at("t_en").tensor();
  int64_t tokens = logits.shape()[1], bins = logits.shape()[2], length = *Data<int64_t>(in.at("length").tensor());
  double pace = ReadPace(*Data<float>(in.at("speed").tensor()));
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
  int64_t features = d.shape()[2], hidden = t_en.shape()[1];
  return {{"durations", FromTensor(durations)}, {"frame_count", FromInteger(token_of_frame.size())},
          {"en", Repeat(d, features, 1, features, token_of_frame)},
          {"asr", Repeat(t_en, hidden, tokens, 1, token_of_frame)}};
}

inline Values Trim(const Bundle& bundle, const Values& in) {
  const Tensor& audio = in.at("audio").tensor();
  int64_t samples = *Data<int64_t>(in.at("frame_count").tensor()) * bundle.frame_samples;
  if (samples <= 0 || samples > audio.shape()[1]) Fail("the audio does not hold its frames");
  Tensor trimmed = Allocate("float32", {samples});
  std::memcpy(Data<float>(trimmed), Data<float>(audio), samples * sizeof(float));
  return {{"audio", FromTensor(trimmed)}};
}

using Function = Values (*)(const Bundle&, const Values&);
inline const std::map<std::string, Function> kFunctions = {
    {"stages.tokenize", Tokenize}, {"stages.voice", ChooseStyle}, {"stages.align", Align}, {"stages.trim", Trim}};

}  // namespace speak
