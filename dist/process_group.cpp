// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/process_group.h"

#include <filesystem>
#include <utility>

#include <dlfcn.h>

#include "weft/core/clock.h"
#include "weft/core/error.h"
#include "weft/dist/take_part.h"
#include "weft/dist/tcp.h"

namespace weft::dist {
namespace {

constexpr const char* kLibrary = "libweft_gloo.so";
// Connections to a process that was killed close at once, and Gloo says so.
constexpr std::chrono::seconds kGrace{4};

// The library beside libweft. It stays open, because its code may run until the process ends.
MakeBackend* open_backend(i64 size) {
  Dl_info self{};
  dladdr(reinterpret_cast<const void*>(&open_backend), &self);
  const auto path =
      std::filesystem::absolute(self.dli_fname == nullptr ? "" : self.dli_fname).parent_path() /
      kLibrary;
  WEFT_CHECK(std::filesystem::exists(path),
             "dist: {} ranks were started, and this build has no {}; a build with libgloo-dev is "
             "required",
             size, kLibrary);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  WEFT_CHECK(library != nullptr, "dist: {} cannot be opened ({}); it is required for {} ranks",
             path.string(), dlerror(), size);
  void* make = dlsym(library, kBackendFunction);
  WEFT_ASSERT(make != nullptr, "{} has no {}", path.string(), kBackendFunction);
  return reinterpret_cast<MakeBackend*>(make);
}

}  // namespace

ProcessGroup::ProcessGroup(Launch launch, const GroupOptions& options)
    : launch_(std::move(launch)), options_(options) {
  MakeBackend* const make = open_backend(launch_.size);
  if (launch_.rank == 0)
    server_ = std::make_unique<StoreServer>(
        listen_at(launch_.address, launch_.port),
        JobIdentity{launch_.size, launch_.token, options_.build_and_config}, options_.silence);
  try {
    join(make);
  } catch (...) {
    if (server_) server_->wait_for_late(kGrace);
    throw;
  }
}

void ProcessGroup::join(MakeBackend* make) {
  store_ = std::make_shared<Store>(launch_, options_.build_and_config, options_.timeout,
                                   options_.silence);
  store_->when_stuck(kGrace, options_.when_stuck);
  call("the start", [&] {
    wait_for_all();
    backend_.reset(
        make({launch_.rank, launch_.size, *store_, store_->local_address(), options_.timeout}));
  });
  doing("training");
}

// An operation that still runs cannot be interrupted. The others are told, so they end, and then it
// ends; if one of them was stopped, the thread is left behind with what it uses.
ProcessGroup::~ProcessGroup() {
  if (!background_) return;
  if (background_->busy()) store_->fail_job("its group ended while operations were begun");
  store_->when_stuck({}, nullptr);
  background_->stop(kGrace);
}

void ProcessGroup::wait_for_all() {
  const std::string key = "all ranks have come";
  if (server_) {
    const std::string missing = server_->wait_for_all(options_.timeout);
    if (!missing.empty()) {
      const std::string sentence =
          fmt::format("dist: rank {} of {} has not come within {} s; all are required", missing,
                      launch_.size, static_cast<double>(options_.timeout.count()) / 1000);
      server_->refuse_all(sentence);
      fail("{}", sentence);
    }
    store_->set(key, "");
  }
  // Rank 0 gives up first, and says why.
  store_->get(key, options_.timeout + options_.silence);
}

void ProcessGroup::begin(const char* operation, const Tensor& values,
                         std::function<void(Backend&)> run) {
  store_->check();
  count(values);
  if (!background_) background_ = std::make_unique<Background>();
  noticing([&] {
    background_->begin(
        [store = store_, backend = backend_, silence = options_.silence, operation,
         run = std::move(run)] { take_part(*store, silence, operation, [&] { run(*backend); }); });
  });
}

void ProcessGroup::begin_all_reduce(const Tensor& values) {
  begin("all-reduce", values, [values](Backend& backend) { backend.all_reduce(values); });
}

void ProcessGroup::begin_reduce_scatter(const Tensor& values, const Tensor& part) {
  check_parts("reduce-scatter", part, values);
  begin("reduce-scatter", values,
        [values, part](Backend& backend) { backend.reduce_scatter(values, part); });
}

void ProcessGroup::finish() {
  if (!background_) return;
  const auto begin = Clock::now();
  noticing([&] { background_->wait(); });
  traffic_.seconds_waited += seconds_since(begin);
  traffic_.seconds_busy = background_->seconds_busy();
}

void ProcessGroup::all_reduce(const Tensor& values) {
  count(values);
  call("all-reduce", [&] { backend_->all_reduce(values); });
}
void ProcessGroup::reduce_scatter(const Tensor& values, const Tensor& part) {
  check_parts("reduce-scatter", part, values);
  count(values);
  call("reduce-scatter", [&] { backend_->reduce_scatter(values, part); });
}
void ProcessGroup::all_gather(const Tensor& part, const Tensor& values) {
  check_parts("all-gather", part, values);
  count(values);
  call("all-gather", [&] { backend_->all_gather(part, values); });
}
void ProcessGroup::broadcast(const Tensor& values, i64 root) {
  check_root("broadcast", root);
  count(values);
  call("broadcast", [&] { backend_->broadcast(values, root); });
}
void ProcessGroup::barrier() {
  call("barrier", [&] { backend_->barrier(); });
}

void ProcessGroup::wait_for_others(const std::string& what) {
  call(what.c_str(), [&] { store_->meet(what); });
}

std::string ProcessGroup::broadcast_text(const std::string& text, i64 root) {
  check_root("broadcast_text", root);
  std::string received;
  call("broadcast of a text",
       [&] { received = store_->meet("broadcast of a text", rank() == root ? text : ""); });
  return received;
}

void ProcessGroup::check_root(const char* operation, i64 root) const {
  WEFT_CHECK(root >= 0 && root < size(), "{}: rank {} given; 0 to {} are required", operation, root,
             size() - 1);
}

void ProcessGroup::check_parts(const char* operation, const Tensor& part,
                               const Tensor& values) const {
  WEFT_CHECK(part.dtype() == values.dtype() && part.elements() * size() == values.elements(),
             "{}: the part has {} elements of {} and the whole {} of {}; {} times as many of the "
             "same dtype are required",
             operation, part.elements(), name_of(part.dtype()), values.elements(),
             name_of(values.dtype()), size());
}

void ProcessGroup::count(const Tensor& values) {
  ++traffic_.operations;
  traffic_.bytes += bytes_of(values);
}

// What `run` throws ends this rank, which is then not stuck.
void ProcessGroup::noticing(const std::function<void()>& run) {
  try {
    run();
  } catch (...) {
    store_->notice();
    throw;
  }
}

void ProcessGroup::call(const char* operation, const std::function<void()>& run) {
  finish();
  store_->check();
  const auto begin = Clock::now();
  noticing([&] { take_part(*store_, options_.silence, operation, run); });
  traffic_.seconds_waited += seconds_since(begin);
}

void ProcessGroup::leave() {
  barrier();
  store_->leave();
  if (server_) server_->wait_for_leaving(options_.timeout);
}

}  // namespace weft::dist
