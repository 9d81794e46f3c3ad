// Speaks phonemes with a bundle, without Python: examples/native/README.md says how it is built and run.
//
//     speak BUNDLE --phonemes TEXT [--voice NAME] [--PARAMETER VALUE] [--threads N] -o FILE.wav
//
// The file is, byte for byte, that of `BUNDLE/run` with the same arguments.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <thread>

#include "stages.h"

using namespace speak;

struct Arguments {
  std::string bundle, phonemes, voice, output = "speech.wav";
  int threads = std::max(1u, std::thread::hardware_concurrency());
  std::map<std::string, std::string> parameters;
};

Arguments ReadArguments(int count, char** words) {
  if (count < 2 || words[1][0] == '-') Fail("usage: speak BUNDLE --phonemes TEXT [--voice NAME] [-o FILE.wav] ...");
  Arguments given;
  given.bundle = words[1];
  for (int at = 2; at < count; at += 2) {
    std::string name = words[at];
    if (at + 1 == count || name[0] != '-') Fail(name + ": expected an option and its value");
    std::string value = words[at + 1];
    if (name == "--phonemes") given.phonemes = value.substr(0, value.find_last_not_of(" \t\r") + 1);
    else if (name == "--voice") given.voice = value;
    else if (name == "--threads") given.threads = std::max(1, std::atoi(value.c_str()));
    else if (name == "-o" || name == "--output") given.output = value;
    else {
      std::replace(name.begin(), name.end(), '-', '_');  // --skip-unknown is the parameter skip_unknown
      given.parameters[name.substr(std::min<size_t>(2, name.size()))] = value;
    }
  }
  return given;
}

// Refuses a processor that the libraries are not for: it would end the process with an illegal instruction.
void CheckProcessor(const Bundle& bundle) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    std::vector<std::string> words = Split(line, ' ');
    for (const std::string& feature : bundle.cpu_features) {
      if (std::find(words.begin(), words.end(), feature) == words.end()) Fail("the bundle needs a CPU with " + feature);
    }
    break;
  }
#ifdef __x86_64__
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  for (const std::string& feature : bundle.cpu_features) {
    if (feature == "amx_tile" && syscall(SYS_arch_prctl, kRequestPermission, kTileData)) Fail("no permission for AMX");
  }
#endif
}

Value LoadVoice(const Bundle& bundle, const std::string& name) {
  auto known = bundle.voices.find(name.empty() ? bundle.default_voice : name);
  if (known == bundle.voices.end()) Fail("voice '" + name + "' is not in the bundle");
  const Voice& voice = known->second;
  Tensor pack = Allocate("float32", {voice.rows, voice.columns});
  size_t bytes = voice.rows * voice.columns * sizeof(float);
  auto file = MapFile(bundle.folder + "/" + voice.file, voice.offset + bytes);
  std::memcpy(Data<float>(pack), file->data + voice.offset, bytes);
  return FromTensor(pack);
}

// Makes the value of a port of what is written for it: a text, or a tensor without axes.
Value ReadLiteral(const Port& port, const std::string& text) {
  if (port.type == "str") return {text, {}};
  Tensor scalar = Allocate(port.dtype(), {});
  if (port.dtype() == "float32") *Data<float>(scalar) = static_cast<float>(std::stod(text));
  else if (port.dtype() == "int64") *Data<int64_t>(scalar) = std::stoll(text);
  else if (port.dtype() == "bool") *Data<bool>(scalar) = text == "true";
  else Fail("a port of type " + port.type + ": this host does not read such numbers");
  return FromTensor(scalar);
}

// Lists the stages that `port` depends on, in their order; a port that has a value depends on none.
std::vector<const Stage*> FindNeeded(const Bundle& bundle, const std::string& port, const Values& known) {
  std::set<std::string> wanted = {port};
  std::vector<const Stage*> needed;
  for (auto stage = bundle.stages.rbegin(); stage != bundle.stages.rend(); ++stage) {
    const auto& outputs = stage->outputs;
    auto is_wanted = [&](const Port& out) {
      std::string name = stage->name + "." + out.name;
      return wanted.count(name) && !known.count(name);
    };
    if (std::none_of(outputs.begin(), outputs.end(), is_wanted)) continue;
    for (const Port& in : stage->inputs) wanted.insert(in.source);
    needed.insert(needed.begin(), &*stage);
  }
  return needed;
}

Values RunStage(const Bundle& bundle, const Stage& stage, const Values& inputs) {
  if (stage.library.empty()) {
    auto known = kFunctions.find(stage.function);
    if (known == kFunctions.end()) Fail("stage " + stage.name + " is " + stage.function + ", which this host lacks");
    return known->second(bundle, inputs);
  }
  std::vector<Tensor> arguments;
  for (const Port& port : stage.inputs) arguments.push_back(inputs.at(port.name).tensor());
  std::vector<Tensor> results = Library(bundle.folder, stage)(arguments);
  if (results.size() != stage.outputs.size()) Fail("stage " + stage.name + " gave other results than it has ports");
  Values outputs;
  for (size_t i = 0; i < results.size(); ++i) outputs[stage.outputs[i].name] = FromTensor(results[i]);
  return outputs;
}

Tensor Speak(const Bundle& bundle, const Arguments& given) {
  Values values;
  values[bundle.phonemes] = {given.phonemes, {}};
  if (!bundle.voice_input.empty()) values[bundle.voice_input] = LoadVoice(bundle, given.voice);
  std::map<std::string, std::string> parameters = bundle.parameters;
  for (const auto& [name, value] : given.parameters) {
    if (!parameters.count(name)) Fail("--" + name + ": the graph has no such parameter");
    parameters[name] = value;
  }
  for (const Stage* stage : FindNeeded(bundle, bundle.audio, values)) {
    Values inputs;
    for (const Port& port : stage->inputs) {
      const std::string& source = port.source;
      if (source[0] == '=') inputs[port.name] = ReadLiteral(port, source.substr(1));
      else if (source.rfind("params.", 0) == 0) inputs[port.name] = ReadLiteral(port, parameters.at(source.substr(7)));
      else inputs[port.name] = values.at(source);
    }
    for (auto& [name, value] : RunStage(bundle, *stage, inputs)) values[stage->name + "." + name] = value;
  }
  return values.at(bundle.audio).tensor();
}

void Put(std::string* bytes, uint32_t number, int size) {
  for (int i = 0; i < size; ++i) *bytes += static_cast<char>(number >> 8 * i & 0xFF);  // little-endian
}

// Writes 16 bits a sample, rounded as libsndfile rounds: to 32 bits, of which the upper 16 are kept.
void WriteWave(const std::string& path, const Tensor& audio, int64_t rate_hz) {
  int64_t samples = audio.numel();
  std::string bytes = "RIFF";
  Put(&bytes, 36 + 2 * samples, 4);
  bytes += "WAVEfmt ";
  Put(&bytes, 16, 4), Put(&bytes, 1, 2), Put(&bytes, 1, 2);  // PCM, one channel
  Put(&bytes, rate_hz, 4), Put(&bytes, 2 * rate_hz, 4), Put(&bytes, 2, 2), Put(&bytes, 16, 2);
  bytes += "data";
  Put(&bytes, 2 * samples, 4);
  for (int64_t i = 0; i < samples; ++i) {
    double full = std::nearbyint(static_cast<double>(Data<float>(audio)[i]) * 2147483648.0);
    int64_t clipped = static_cast<int64_t>(std::min(std::max(full, -2147483648.0), 2147483647.0));
    Put(&bytes, static_cast<uint32_t>(clipped >> 16), 2);
  }
  std::string unfinished = path + ".part";
  std::ofstream out(unfinished, std::ios::binary);
  out << bytes;
  out.close();
  if (!out || std::rename(unfinished.c_str(), path.c_str()) != 0) Fail(path + ": cannot be written");
}

int main(int count, char** words) {
  try {
    Arguments given = ReadArguments(count, words);
    Bundle bundle = ReadBundle(given.bundle);
    CheckProcessor(bundle);
    LoadRuntime(bundle, given.threads);
    WriteWave(given.output, Speak(bundle, given), bundle.rate_hz);
    return 0;
  } catch (const std::exception& error) {  // tvm-ffi's errors are exceptions, too
    std::cerr << error.what() << "\n";
    return 2;
  }
}
