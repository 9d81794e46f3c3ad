// Reads a bundle's graph.txt: a line has fields that are separated by tabs, and the first one says what the line is.
// docs/bundle.md has the format. Nothing here knows TVM.
#pragma once
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace speak {
constexpr int64_t kAlignment = 64;  // kernels read 64 bytes at a time, from multiples of 64
constexpr int64_t kMany = 1 << 20;  // more than any rate, or size of a line
constexpr char kCopyAgain[] = "; copy the bundle again";

using Refusal = std::runtime_error;     // a whole sentence
struct Unexpected : std::logic_error {  // what was got and what was expected, in graph.txt: `main` adds its name
  using std::logic_error::logic_error;
};

template <typename Error = Refusal, typename... Parts>
[[noreturn]] void Fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

// Says where something unexpected was: it stays one of graph.txt, or becomes a `Refusal`.
template <typename Error = Unexpected, typename Body>
auto Within(const std::string& where, Body body) {
  try {
    return body();
  } catch (const Unexpected& error) {
    Fail<Error>(where, ": ", error.what());
  }
}

struct Port {
  std::string name, type;  // float32[1, hidden, text]
  std::string source;      // STAGE.PORT; of an input also input.NAME, params.NAME, or =VALUE
};
struct StoredTensor {
  std::string file, dtype;
  std::vector<int64_t> shape;
  int64_t offset;  // bytes from the start of the file
};
struct Stage {
  std::string name;
  std::string function;                 // of a Python stage, as the graph names it
  std::string library, entry, weights;  // of a compiled one: two files, and the function in the first
  std::vector<StoredTensor> tensors;
  std::vector<Port> inputs, outputs;
};
struct Bundle {
  std::string folder, audio, phonemes;         // the port that is heard, and the one that takes the line
  std::string voice_input, default_voice;
  std::map<std::string, int64_t> sizes, symbols;             // file -> bytes; symbol -> id, which is less than `ids`
  std::map<std::string, std::string> spellings, parameters;  // what may be written -> symbols; name -> default
  std::map<std::string, StoredTensor> voices;
  std::vector<std::string> runtimes, cpu_features;  // libraries to load in this order; words of /proc/cpuinfo
  std::vector<Stage> stages;                        // each after those that it depends on
  int64_t rate_hz = 0, frame_samples = 0, most_symbols = 0, ids = 0;
};

template <typename Map> std::string ListNames(const Map& map) {
  std::string names;
  for (const auto& entry : map) names += (names.empty() ? "" : ", ") + entry.first;
  return names;
}

template <typename Map> const auto& Find(const Map& map, const std::string& name, const char* what) {
  auto found = map.find(name);
  if (found == map.end()) Fail<Unexpected>("got no ", what, " '", name, "', expected one of: ", ListNames(map));
  return found->second;
}

// Reads a text that is a number and nothing else.
template <typename T> T ReadNumber(const std::string& text, T low, T high) {
  T number = {};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (is_whole && low <= number && number <= high) return number;
  if (!std::is_integral_v<T>) Fail<Unexpected>("got '", text, "', expected a number such as 1.5");
  Fail<Unexpected>("got '", text, "', expected a whole number from ", low, " to ", high);
}

// Splits a line into its fields, in which `\n`, `\t`, `\r` and `\\` stand for the characters.
inline std::vector<std::string> Split(const std::string& line, char separator) {
  const std::map<char, char> meant = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'\\', '\\'}};
  std::vector<std::string> fields(1);
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == separator) fields.emplace_back();
    else if (line[at] != '\\') fields.back() += line[at];
    else if (++at < line.size() && meant.count(line[at])) fields.back() += meant.at(line[at]);
    else Fail<Unexpected>("got a single \\, expected \\n, \\t, \\r or \\\\");
  }
  return fields;
}

// Reads a tensor that lies in a file of the bundle, all of it.
inline StoredTensor ReadTensor(const Bundle& bundle, const std::string& file, const std::string& dtype,
                               const std::string& shape, const std::string& start) {
  const int64_t size = Find(bundle.sizes, file, "line 'file' of"), offset = ReadNumber<int64_t>(start, 0, INT64_MAX);
  if (offset % kAlignment != 0) Fail<Unexpected>("got '", start, "', expected a multiple of ", kAlignment);
  StoredTensor stored = {file, dtype, {}, offset};
  const size_t bits = std::min(dtype.find_first_of("0123456789"), dtype.size());  // none for bool
  int64_t room = size - offset;
  if (bits < dtype.size()) room /= ReadNumber(dtype.substr(bits), 8, 64) / 8;
  if (!shape.empty()) for (const std::string& axis : Split(shape, ',')) {
    stored.shape.push_back(ReadNumber<int64_t>(axis, 1, INT64_MAX));
    room /= stored.shape.back();
  }
  if (room < 1) Fail<Unexpected>("got a tensor that ends beyond ", file, ", expected one within its ", size, " bytes");
  return stored;
}

inline void ReadLine(const std::vector<std::string>& line, Bundle* to) {
  Stage* stage = to->stages.empty() ? nullptr : &to->stages.back();
  auto is = [&](const char* kind, size_t fields) {
    if (line[0] == kind && line.size() != fields) Fail<Unexpected>("got ", line.size(), " fields, expected ", fields);
    return line[0] == kind;
  };
  auto number = [&](int at, int64_t low, int64_t high = kMany) { return ReadNumber(line[at], low, high); };
  if (is("file", 3)) to->sizes[line[1]] = number(2, 0, INT64_MAX);
  else if (is("runtime", 2)) to->runtimes.push_back(line[1]);
  else if (is("audio", 3)) to->audio = line[1], to->rate_hz = number(2, 1);
  else if (is("phonemes", 4)) to->phonemes = line[1], to->most_symbols = number(2, 1), to->ids = number(3, 1);
  else if (is("frame", 2)) to->frame_samples = number(1, 1);
  else if (is("symbol", 3)) to->symbols[line[1]] = number(2, 0, to->ids - 1);
  else if (is("spelling", 3)) to->spellings[line[1]] = line[2];
  else if (is("voices", 2)) to->voice_input = line[1];
  else if (is("voice", 6)) {
    if (to->voices.empty()) to->default_voice = line[1];
    to->voices[line[1]] = ReadTensor(*to, line[2], "float32", line[4] + "," + line[5], line[3]);
  } else if (is("parameter", 3)) to->parameters[line[1]] = line[2];
  else if (is("fixed", 3)) Fail("the graph fixes ", line[1], " at ", line[2], "; this host does not pad");
  else if (is("cpu", 2)) to->cpu_features.push_back(line[1]);
  else if (is("stage", 2)) to->stages.push_back({line[1], "", "", "", "", {}, {}, {}});
  else if (stage && is("function", 2)) stage->function = line[1];
  else if (stage && is("library", 4)) stage->library = line[1], stage->entry = line[2], stage->weights = line[3];
  else if (stage && is("tensor", 4))
    stage->tensors.push_back(ReadTensor(*to, stage->weights, line[1], line[2], line[3]));
  else if (stage && is("in", 4)) stage->inputs.push_back({line[1], line[2], line[3]});
  else if (stage && is("out", 3)) stage->outputs.push_back({line[1], line[2], stage->name + "." + line[1]});
  else if (!is("end", 1)) Fail<Unexpected>("got '", line[0], "', expected a kind of line that is known here");
}

inline Bundle ReadBundle(const std::string& folder) {
  std::ifstream in(folder + "/graph.txt");
  if (!in) Fail(folder, "/graph.txt: cannot be read; give the folder of a bundle");
  Bundle bundle;
  bundle.folder = folder;
  std::string text;
  std::getline(in, text);
  if (text != "kokoro-run-bundle\t1") Fail<Unexpected>("got '", text, "', expected 'kokoro-run-bundle' and format 1");
  std::set<std::string> missing = {"audio", "phonemes", "frame", "voice", "end"};
  for (size_t number = 2; missing.count("end") && std::getline(in, text); ++number) {
    Within("line " + std::to_string(number) + " '" + text + "'", [&] {
      std::vector<std::string> line = Split(text, '\t');
      ReadLine(line, &bundle);
      missing.erase(line[0]);
    });
  }
  if (!missing.empty()) Fail<Unexpected>("got no line '", *missing.begin(), "', expected one");
  if (std::getline(in, text)) Fail<Unexpected>("got '", text, "' behind 'end', expected nothing");
  return bundle;
}

// Gives the path of a file, which is there and has its size.
inline std::string Locate(const Bundle& bundle, const std::string& file) {
  const std::string path = bundle.folder + "/" + file;
  const auto expected = static_cast<uintmax_t>(Find(bundle.sizes, file, "line 'file' for"));
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) Fail(path, ": cannot be read: ", error.message(), kCopyAgain);
  if (size != expected) Fail(path, ": got ", size, " bytes, expected ", expected, kCopyAgain);
  return path;
}
}  // namespace speak
