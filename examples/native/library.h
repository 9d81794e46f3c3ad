// Calls compiled stages through tvm-ffi: the library gives a virtual machine, which has the stage's function.
#pragma once

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

constexpr size_t kAlignment = 64;  // kernels read 64 bytes at a time, from multiples of 64

struct Heap {
  void AllocData(DLTensor* tensor) {
    size_t bytes = (ffi::GetDataSize(*tensor) + kAlignment - 1) / kAlignment * kAlignment;
    tensor->data = std::aligned_alloc(kAlignment, bytes + kAlignment);
    if (tensor->data == nullptr) Fail("no memory for " + std::to_string(bytes) + " bytes");
  }
  void FreeData(DLTensor* tensor) { std::free(tensor->data); }
};

struct MappedFile {
  char* data;
  size_t size;
  ~MappedFile() { munmap(data, size); }
};

struct Mapped {  // a part of a file, which is mapped as long as one of its tensors is there
  std::shared_ptr<MappedFile> file;
  void AllocData(DLTensor* tensor, size_t offset) { tensor->data = file->data + offset; }
  void FreeData(DLTensor*) {}
};

constexpr DLDevice kHost = {kDLCPU, 0};

inline Tensor Allocate(const std::string& dtype, const std::vector<int64_t>& shape) {
  return Tensor::FromNDAlloc(Heap(), ffi::Shape(shape), ffi::StringToDLDataType(dtype), kHost);
}

template <typename T>
T* Data(const Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Maps the bytes of a file from its start up to `end`; its pages are read when they are used.
inline std::shared_ptr<MappedFile> MapFile(const std::string& path, size_t end) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (file < 0 || fstat(file, &status) != 0) Fail(path + ": cannot be read: " + std::strerror(errno));
  if (static_cast<size_t>(status.st_size) < end) Fail(path + ": is truncated");
  void* pages = mmap(nullptr, end, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  close(file);
  if (pages == MAP_FAILED) Fail(path + ": cannot be mapped: " + std::strerror(errno));
  return std::shared_ptr<MappedFile>(new MappedFile{static_cast<char*>(pages), end});
}

inline ffi::Array<Tensor> MapWeights(const std::string& path, const std::vector<StoredTensor>& stored) {
  size_t end = 0;
  for (const StoredTensor& one : stored) {
    size_t bytes = ffi::StringToDLDataType(one.dtype).bits / 8;
    for (int64_t size : one.shape) bytes *= size;
    end = std::max(end, one.offset + bytes);
  }
  ffi::Array<Tensor> weights;
  Mapped part = {end == 0 ? nullptr : MapFile(path, end)};
  for (const StoredTensor& one : stored) {
    DLDataType dtype = ffi::StringToDLDataType(one.dtype);
    weights.push_back(Tensor::FromNDAlloc(part, ffi::Shape(one.shape), dtype, kHost, one.offset));
  }
  return weights;
}

// Loads TVM's runtime, and sets the threads of its kernels; libraries can be loaded after this.
inline void LoadRuntime(const Bundle& bundle, int threads) {
  setenv("TVM_BIND_THREADS", "0", 0);
  setenv("TVM_THREAD_POOL_SPIN_COUNT", "10000", 0);  // more delays the end of the process
  for (const std::string& path : bundle.runtimes) {
    const char* name = std::strrchr(path.c_str(), '/') + 1;
    if (dlopen(name, RTLD_NOW | RTLD_NOLOAD) != nullptr) continue;  // this program is linked with it
    if (dlopen((bundle.folder + "/" + path).c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) Fail(dlerror());
  }
  ffi::Array<ffi::String> cores(std::vector<ffi::String>(threads, "0"));
  ffi::Function::GetGlobalRequired("runtime.config_threadpool")(/*all cores alike*/ 1, threads, cores);
}

class Library {
 public:
  Library(const std::string& folder, const Stage& stage)
      : has_weights_(!stage.weights.empty()),
        weights_(MapWeights(folder + "/" + stage.weights, stage.tensors)),
        executable_(ffi::Module::LoadFromFile(folder + "/" + stage.library)),
        machine_(Find(executable_, "vm_load_executable")().cast<ffi::Module>()),
        entry_(nullptr) {
    Find(machine_, "vm_initialization")(static_cast<int>(kDLCPU), 0, /*the C library's heap*/ 1);
    entry_ = Find(machine_, stage.entry);
  }

  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const {
    std::vector<ffi::AnyView> arguments(inputs.begin(), inputs.end());
    if (has_weights_) arguments.emplace_back(weights_);
    ffi::Any result;
    entry_.CallPacked(arguments.data(), static_cast<int32_t>(arguments.size()), &result);
    if (auto tensor = result.as<Tensor>()) return {*tensor};
    auto many = result.cast<ffi::Array<Tensor>>();
    return {many.begin(), many.end()};
  }

 private:
  static ffi::Function Find(const ffi::Module& module, const std::string& name) {
    auto found = module->GetFunction(name, true);
    if (!found.has_value()) Fail("a library has no function " + name);
    return *found;
  }

  bool has_weights_;
  ffi::Array<Tensor> weights_;
  ffi::Module executable_, machine_;
  ffi::Function entry_;
};

}  // namespace speak
