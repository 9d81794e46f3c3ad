// Reads a bundle's graph.txt: a line has fields that are separated by tabs, and the first one says what the line is.
// docs/bundle.md has the format. Nothing here knows TVM.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace speak {

[[noreturn]] inline void Fail(const std::string& message) { throw std::runtime_error(message); }

struct Port {
  std::string name;
  std::string type;    // float32[1, hidden, text]
  std::string source;  // of an input: STAGE.PORT, input.NAME, params.NAME, or =VALUE

  std::string dtype() const { return type.substr(0, type.find('[')); }
};

struct StoredTensor {
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t offset;  // bytes from the start of the file of weights, a multiple of 64
};

struct Stage {
  std::string name;
  std::string function;                 // of a Python stage, as the graph names it
  std::string library, entry, weights;  // of a compiled one: two files, and the function in the first
  std::vector<StoredTensor> tensors;
  std::vector<Port> inputs, outputs;
};

struct Voice {
  std::string file;
  int64_t offset, rows, columns;  // of float32 numbers in the file
};

struct Bundle {
  std::string folder;
  std::vector<std::string> runtimes;  // libraries to load, in this order
  std::string audio, phonemes;        // the port that is heard, and the one that takes the line
  int64_t rate_hz = 0, frame_samples = 0;
  size_t most_symbols = 0;                       // of a line
  std::map<std::string, int64_t> symbols;        // symbol -> id
  std::map<std::string, std::string> spellings;  // what may be written -> symbols
  std::string voice_input, default_voice;
  std::map<std::string, Voice> voices;
  std::map<std::string, std::string> parameters;
  std::vector<std::string> cpu_features;  // as in /proc/cpuinfo
  std::vector<Stage> stages;              // each after those that it depends on
};

inline std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  if (!text.empty() && text.back() == separator) parts.emplace_back();  // which getline drops
  return parts;
}

inline void ReadStageLine(const std::vector<std::string>& line, Stage* stage) {
  const std::string& kind = line[0];
  if (kind == "function") stage->function = line.at(1);
  else if (kind == "library") stage->library = line.at(1), stage->entry = line.at(2), stage->weights = line.at(3);
  else if (kind == "in") stage->inputs.push_back({line.at(1), line.at(2), line.at(3)});
  else if (kind == "out") stage->outputs.push_back({line.at(1), line.at(2), ""});
  else if (kind != "tensor") throw std::invalid_argument(kind);
  else {
    stage->tensors.push_back({line.at(1), {}, std::stoll(line.at(3))});
    for (const std::string& size : Split(line.at(2), ',')) stage->tensors.back().shape.push_back(std::stoll(size));
  }
}

inline void ReadLine(const std::vector<std::string>& line, Bundle* bundle) {
  const std::string& kind = line[0];
  if (kind == "runtime") bundle->runtimes.push_back(line.at(1));
  else if (kind == "audio") bundle->audio = line.at(1), bundle->rate_hz = std::stoll(line.at(2));
  else if (kind == "phonemes") bundle->phonemes = line.at(1), bundle->most_symbols = std::stoull(line.at(2));
  else if (kind == "frame") bundle->frame_samples = std::stoll(line.at(1));
  else if (kind == "symbol") bundle->symbols[line.at(1)] = std::stoll(line.at(2));
  else if (kind == "spelling") bundle->spellings[line.at(1)] = line.at(2);
  else if (kind == "voices") bundle->voice_input = line.at(1);
  else if (kind == "parameter") bundle->parameters[line.at(1)] = line.at(2);
  else if (kind == "cpu") bundle->cpu_features.push_back(line.at(1));
  else if (kind == "stage") bundle->stages.push_back({line.at(1), "", "", "", "", {}, {}, {}});
  else if (kind == "fixed") Fail("the graph fixes " + line.at(1) + " at " + line.at(2) + "; this host does not pad");
  else if (kind == "voice") {
    if (bundle->voices.empty()) bundle->default_voice = line.at(1);
    bundle->voices[line.at(1)] = {line.at(2), std::stoll(line.at(3)), std::stoll(line.at(4)), std::stoll(line.at(5))};
  } else {
    ReadStageLine(line, &bundle->stages.at(bundle->stages.size() - 1));  // throws where there is none
  }
}

inline Bundle ReadBundle(const std::string& folder) {
  const std::string path = folder + "/graph.txt";
  std::ifstream in(path);
  if (!in) Fail(path + ": cannot be read; give the folder of a bundle");
  Bundle bundle;
  bundle.folder = folder;
  std::string text;
  if (!std::getline(in, text) || text != "kokoro-run-bundle\t1") Fail(path + ": is no description of format 1");
  for (size_t number = 2; std::getline(in, text); ++number) {
    try {
      ReadLine(Split(text, '\t'), &bundle);
    } catch (const std::logic_error&) {  // the line is unknown, a field is missing, or no number
      Fail(path + ":" + std::to_string(number) + ": cannot be read: " + text);
    }
  }
  if (bundle.phonemes.empty()) Fail(path + ": the graph has no stage that takes phonemes");
  return bundle;
}

}  // namespace speak
