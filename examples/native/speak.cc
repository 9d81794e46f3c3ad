// Speaks phonemes with a bundle, without Python: examples/native/README.md says how it is built and run.
//
//     speak BUNDLE --phonemes TEXT [--voice NAME] [--PARAMETER VALUE] [--threads N] -o FILE.wav
//
// The file is, byte for byte, that of `BUNDLE/run` for the same phonemes, voice and parameters. Of what `run` takes, no
// marks, mixes of voices, 1_0 for 10 and --OPTION=VALUE are read here, and a mistake is told in other words.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <csignal>
#include <thread>
#include "stages.h"

using namespace speak;
namespace fs = std::filesystem;

constexpr int kMostThreads = 1024, kMostLinks = 40;
using Options = std::map<std::string, std::string>;  // --voice -> its value

std::string NameOption(std::string parameter) {
  std::replace(parameter.begin(), parameter.end(), '_', '-');
  return "--" + parameter;
}

// Reads options over their defaults; of one that is given twice the last value counts.
Options ReadOptions(const Bundle& bundle, int count, char** words) {
  int cores = std::thread::hardware_concurrency();
  Options options = {{"--phonemes", ""}, {"--voice", bundle.default_voice}, {"--output", "speech.wav"},
                     {"--threads", std::to_string(std::clamp(cores, 1, kMostThreads))}};
  for (const auto& [name, value] : bundle.parameters) options[NameOption(name)] = value;
  for (int at = 2; at < count; at += 2) {
    const std::string name = std::strcmp(words[at], "-o") == 0 ? "--output" : words[at];
    if (!options.count(name)) Fail("got the option '", name, "', expected one of: ", ListNames(options));
    if (at + 1 == count) Fail(name, ": got no value, expected one behind it");
    options[name] = words[at + 1];
  }
  return options;
}

// Refuses a processor that the libraries are not for: it would end the process with an illegal instruction.
void CheckProcessor(const Bundle& bundle) {
  std::ifstream in("/proc/cpuinfo");
  std::set<std::string> known;
  for (std::string line; known.empty() && std::getline(in, line);) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    for (const std::string& feature : Split(line, ' ')) known.insert(feature);
  }
  for (const std::string& feature : bundle.cpu_features) {
    if (!known.empty() && !known.count(feature)) Fail("the bundle needs a CPU with ", feature);
#ifdef __x86_64__
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    if (feature == "amx_tile" && syscall(SYS_arch_prctl, kRequestPermission, kTileData)) Fail("no permission for AMX");
#endif
  }
}

// Makes the value of a port of what is written for it: a text, or a tensor without axes.
ffi::Any ReadLiteral(const std::string& type, const std::string& text) {
  constexpr double kMost = std::numeric_limits<float>::max();
  if (type == "str") return ffi::String(text);
  if (type == "int64[]") return Fill("int64", {}, ReadNumber<int64_t>(text, INT64_MIN, INT64_MAX));
  if (type == "float32[]") return Fill("float32", {}, static_cast<float>(ReadNumber(text, -kMost, kMost)));
  if (type != "bool[]") Fail<Unexpected>("got the type ", type, ", expected str, int64[], float32[] or bool[]");
  if (text != "true" && text != "false") Fail<Unexpected>("got '", text, "', expected true or false");
  return Fill("bool", {}, text == "true");
}

// Reads the inputs of a stage that are written in graph.txt, or given as options.
Values ReadLiterals(const Bundle& bundle, const Stage& stage, const Options& options) {
  Values values;
  for (const auto& [name, type, source] : stage.inputs) {
    const bool is_fixed = source.rfind('=', 0) == 0;
    if (!is_fixed && source.rfind("params.", 0) != 0) continue;
    const std::string own = is_fixed ? source.substr(1) : Find(bundle.parameters, source.substr(7), "parameter");
    const std::string option = NameOption(source.substr(is_fixed ? 1 : 7)), text = is_fixed ? own : options.at(option);
    auto read = [&text, &type = type] { return ReadLiteral(type, text); };
    values[name] = text == own ? Within("input " + name, read) : Within<Refusal>(option, read);
  }
  return values;
}

// Lists the stages that `port` depends on, in their order; a port that has a value depends on none.
std::vector<const Stage*> FindNeeded(const Bundle& bundle, const std::string& port, const Values& known) {
  std::set<std::string> wanted = {port};
  std::vector<const Stage*> needed;
  for (auto stage = bundle.stages.rbegin(); stage != bundle.stages.rend(); ++stage) {
    auto is_wanted = [&](const Port& out) { return wanted.count(out.source) && !known.count(out.source); };
    if (std::none_of(stage->outputs.begin(), stage->outputs.end(), is_wanted)) continue;
    for (const Port& in : stage->inputs) wanted.insert(in.source);
    needed.insert(needed.begin(), &*stage);
  }
  return needed;
}

Tensor Speak(const Bundle& bundle, const Options& options) {
  const std::string& line = options.at("--phonemes");
  Values values = {{bundle.phonemes, ffi::String(line.substr(0, line.find_last_not_of(" \t\r") + 1))}};
  const auto voice = Within<Refusal>("--voice", [&] { return Find(bundle.voices, options.at("--voice"), "voice"); });
  if (!bundle.voice_input.empty()) values[bundle.voice_input] = MakeTensor(MapFile(bundle, voice.file), voice);
  std::map<const Stage*, Values> inputs;
  const auto needed = FindNeeded(bundle, bundle.audio, values);
  for (const Stage* stage : needed) inputs[stage] = ReadLiterals(bundle, *stage, options);  // before any runs
  for (const Stage* stage : needed) {
    Within("stage " + stage->name, [&, &in = inputs[stage]] {
      for (const Port& port : stage->inputs)
        if (!in.count(port.name)) in[port.name] = Find(values, port.source, "source");
      const auto function = stage->library.empty() ? Find(kFunctions, stage->function, "function") : nullptr;
      const Values outputs = function ? function(bundle, in) : CallLibrary(bundle, *stage, in);
      for (const auto& [name, value] : outputs) values[stage->name + "." + name] = value;
    });
  }
  return Within("audio", [&] { return Get(values, bundle.audio, "float32", 1); });
}

// Makes a .wav of 16 bits a sample, rounded as libsndfile rounds: to 32 bits, of which the upper 16 are kept.
std::string EncodeWave(const Tensor& audio, uint32_t rate_hz) {
  const uint32_t size = 2 * audio.numel();
  const uint32_t header[] = {0x46464952 /*RIFF*/, 36 + size, 0x45564157 /*WAVE*/, 0x20746D66 /*fmt */, 16,
                             0x00010001 /*one channel of PCM*/, rate_hz, 2 * rate_hz, 0x00100002 /*16 bits in 2 bytes*/,
                             0x61746164 /*data*/, size};
  std::string bytes(reinterpret_cast<const char*>(header), sizeof(header));  // little-endian, as the processor is
  for (int64_t i = 0; i < audio.numel(); ++i) {
    double full = std::nearbyint(static_cast<double>(Data<float>(audio)[i]) * 2147483648.0);
    if (std::isnan(full)) Fail("the audio is not finite; a stage has failed");
    int64_t sample = static_cast<int64_t>(std::clamp(full, -2147483648.0, 2147483647.0)) >> 16;
    bytes.append({static_cast<char>(sample), static_cast<char>(sample >> 8)});
  }
  return bytes;
}

// Finds the file that a name leads to through links: a .wav that is a regular file, or is not there.
fs::path FindTarget(const std::string& path) {
  fs::path target = path;
  if (strcasecmp(target.extension().c_str(), ".wav") != 0)
    Fail(path.empty() ? "." : path, ": a bundle writes .wav files alone; give a name that ends in .wav");
  for (int links = 0; links < kMostLinks && fs::is_symlink(target); ++links)
    target = target.parent_path() / fs::read_symlink(target);
  const fs::file_status found = fs::status(target);
  if (fs::exists(found) && !fs::is_regular_file(found))
    Fail(path, ": cannot be written: it is ", fs::is_directory(found) ? "a folder" : "no regular file");
  return target;
}

// Replaces a file in one step, by a new one beside it, which is removed on an error. Without bytes it only tries.
void Write(const std::string& path, const std::string& bytes) {
  const fs::path target = FindTarget(path);
  std::string name = target.parent_path() / ".speak-XXXXXX.part";
  const int file = mkstemps(name.data(), 5);
  if (file < 0) Fail(path, ": cannot be written: ", target.parent_path().string(), ": ", std::strerror(errno));
  struct stat old = {};
  const mode_t mask = umask(0);
  umask(mask);
  const mode_t mode = stat(target.c_str(), &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask;
  FILE* out = fdopen(file, "wb");
  bool good = fchmod(file, mode) == 0 && std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size();
  good = std::fclose(out) == 0 && good && (bytes.empty() || std::rename(name.c_str(), target.c_str()) == 0);
  const int reason = errno;
  if (!good || bytes.empty()) unlink(name.c_str());
  if (!good) Fail(path, ": cannot be written: ", std::strerror(reason));
}

int main(int count, char** words) {
  std::signal(SIGXFSZ, SIG_IGN);  // too large a file is an error of `write`, and does not end the process
  const std::string folder = count < 2 ? "-" : words[1];
  std::string said;
  try {
    if (folder.rfind('-', 0) == 0) Fail("usage: speak BUNDLE --phonemes TEXT [--voice NAME] [-o FILE.wav] ...");
    const Bundle bundle = ReadBundle(folder);
    const Options options = ReadOptions(bundle, count, words);
    int threads = Within<Refusal>("--threads", [&] { return ReadNumber(options.at("--threads"), 1, kMostThreads); });
    Write(options.at("--output"), "");
    CheckProcessor(bundle);
    LoadRuntime(bundle, threads);
    Write(options.at("--output"), EncodeWave(Speak(bundle, options), bundle.rate_hz));
    return 0;
  } catch (const Unexpected& error) {
    said = folder + "/graph.txt: " + error.what() + kCopyAgain;
  } catch (const ffi::Error& error) {
    said = folder + ": " + error.kind() + ": " + error.message() + kCopyAgain;
  } catch (const std::exception& error) {
    said = error.what();
  }
  std::replace_if(said.begin(), said.end(), [](char one) { return one == '\n' || one == '\r'; }, ' ');  // one line
  std::cerr << said << "\n";
  return 2;
}
