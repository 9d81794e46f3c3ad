// Calls compiled stages through tvm-ffi: the library gives a virtual machine, which has the stage's function.
#pragma once
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/dtype.h>
#include <tvm/ffi/extra/module.h>
#include <tvm/ffi/function.h>
#include "bundle.h"

namespace speak {
namespace ffi = tvm::ffi;
using Tensor = ffi::Tensor;
using Values = std::map<std::string, ffi::Any>;  // by port: a tensor, or a text (str)

struct Memory {  // of the heap, or of a file: it is there as long as one of its tensors
  std::shared_ptr<char> data;
  void AllocData(DLTensor* tensor, int64_t offset) { tensor->data = data.get() + offset; }
  void FreeData(DLTensor*) {}
};

template <typename T> T* Data(const Tensor& tensor) { return static_cast<T*>(tensor.data_ptr()); }

inline Tensor MakeTensor(const Memory& memory, const StoredTensor& of) {
  constexpr DLDevice kHost = {kDLCPU, 0};
  return Tensor::FromNDAlloc(memory, ffi::Shape(of.shape), ffi::StringToDLDataType(of.dtype), kHost, of.offset);
}

inline Tensor Allocate(const std::string& dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = ffi::StringToDLDataType(dtype).bits / 8;
  for (int64_t size : shape) bytes *= size;
  void* pages = std::aligned_alloc(kAlignment, (bytes / kAlignment + 2) * kAlignment);
  if (pages == nullptr) Fail("no memory for ", bytes, " bytes");
  return MakeTensor({{static_cast<char*>(pages), std::free}}, {"", dtype, shape, 0});
}

template <typename T> Tensor Fill(const std::string& dtype, const std::vector<int64_t>& shape, T value) {
  Tensor tensor = Allocate(dtype, shape);
  std::fill_n(Data<T>(tensor), tensor.numel(), value);
  return tensor;
}

// Maps a file; its pages are read when they are used.
inline Memory MapFile(const Bundle& bundle, const std::string& name) {
  const std::string path = Locate(bundle, name);
  const int64_t size = bundle.sizes.at(name);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* pages = file < 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  if (pages == MAP_FAILED) Fail(path, ": cannot be read: ", std::strerror(errno));
  close(file);
  return {{static_cast<char*>(pages), [size](char* data) { munmap(data, size); }}};
}

// Loads TVM's runtime, and sets the threads of its kernels; libraries can be loaded after this.
inline void LoadRuntime(const Bundle& bundle, int threads) {
  setenv("TVM_BIND_THREADS", "0", 0);
  setenv("TVM_THREAD_POOL_SPIN_COUNT", "10000", 0);  // more delays the end of the process
  for (const std::string& path : bundle.runtimes) {
    const std::string file = Locate(bundle, path), name = path.substr(path.rfind('/') + 1);
    if (dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr) continue;  // this program is linked with it
    if (dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) Fail(dlerror(), kCopyAgain);
  }
  ffi::Array<ffi::String> cores(std::vector<ffi::String>(threads, "0"));
  ffi::Function::GetGlobalRequired("runtime.config_threadpool")(/*all cores alike*/ 1, threads, cores);
}

inline Values CallLibrary(const Bundle& bundle, const Stage& stage, const Values& inputs) {
  std::vector<ffi::AnyView> arguments;
  for (const Port& port : stage.inputs) arguments.emplace_back(Find(inputs, port.name, "input"));
  const Memory file = stage.tensors.empty() ? Memory() : MapFile(bundle, stage.weights);
  ffi::Array<Tensor> weights;
  for (const StoredTensor& stored : stage.tensors) weights.push_back(MakeTensor(file, stored));
  if (!stage.weights.empty()) arguments.emplace_back(weights);
  auto find = [&](const ffi::Module& module, const std::string& name) {
    auto found = module->GetFunction(name, true);
    if (!found.has_value()) Fail<Unexpected>("got the function '", name, "', expected one of ", stage.library);
    return *found;
  };
  auto executable = ffi::Module::LoadFromFile(Locate(bundle, stage.library));
  auto machine = find(executable, "vm_load_executable")().cast<ffi::Module>();
  find(machine, "vm_initialization")(static_cast<int>(kDLCPU), 0, /*the C library's heap*/ 1);
  ffi::Any result;
  find(machine, stage.entry).CallPacked(arguments.data(), arguments.size(), &result);
  auto one = result.as<Tensor>();
  auto results = one ? ffi::Array<Tensor>{*one} : result.cast<ffi::Array<Tensor>>();
  const size_t got = stage.outputs.size();
  if (got != results.size()) Fail<Unexpected>("got ", got, " lines 'out', expected ", results.size());
  Values outputs;
  for (size_t i = 0; i < got; ++i) outputs[stage.outputs[i].name] = results[i];
  return outputs;
}
}  // namespace speak
