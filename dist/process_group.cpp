// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/process_group.h"

#include <filesystem>
#include <utility>

#include <dlfcn.h>

#include "weft/core/error.h"
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
  store_ = std::make_unique<Store>(launch_, options_.build_and_config, options_.timeout,
                                   options_.silence);
  store_->when_stuck(kGrace, options_.when_stuck);
  call("the start", [&] {
    wait_for_all();
    backend_.reset(
        make({launch_.rank, launch_.size, *store_, store_->local_address(), options_.timeout}));
  });
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

void ProcessGroup::all_reduce(const Tensor& values) {
  call("all-reduce", [&] { backend_->all_reduce(values); });
}
void ProcessGroup::reduce_scatter(const Tensor& values, const Tensor& part) {
  check_parts("reduce-scatter", part, values);
  call("reduce-scatter", [&] { backend_->reduce_scatter(values, part); });
}
void ProcessGroup::all_gather(const Tensor& part, const Tensor& values) {
  check_parts("all-gather", part, values);
  call("all-gather", [&] { backend_->all_gather(part, values); });
}
void ProcessGroup::broadcast(const Tensor& values, i64 root) {
  WEFT_CHECK(root >= 0 && root < size(), "broadcast: rank {} given; 0 to {} are required", root,
             size() - 1);
  call("broadcast", [&] { backend_->broadcast(values, root); });
}
void ProcessGroup::barrier() {
  call("barrier", [&] { backend_->barrier(); });
}

void ProcessGroup::wait_for_others(const std::string& what) { meet(what, "", 0); }

std::string ProcessGroup::broadcast_text(const std::string& text, i64 root) {
  return meet("broadcast", text, root);
}

// Only a lost rank ends the wait.
std::string ProcessGroup::meet(const std::string& what, const std::string& text, i64 root) {
  constexpr std::chrono::hours kForEver{24 * 365};
  const std::string key = fmt::format("meeting {}", meetings_++);
  const auto key_of = [&](i64 rank) { return fmt::format("{}/{}", key, rank); };
  store_->check();
  store_->doing(what);
  store_->set(key_of(rank()), text);
  if (rank() == 0) {
    std::string of_root;
    for (i64 rank = 0; rank < size(); ++rank) {
      std::string its = store_->get(key_of(rank), kForEver);
      if (rank == root) of_root = std::move(its);
    }
    store_->set(key, of_root);
  }
  std::string result = store_->get(key, kForEver);
  store_->doing("training");
  return result;
}

void ProcessGroup::check_parts(const char* operation, const Tensor& part,
                               const Tensor& values) const {
  WEFT_CHECK(part.dtype() == values.dtype() && part.elements() * size() == values.elements(),
             "{}: the part has {} elements of {} and the whole {} of {}; {} times as many of the "
             "same dtype are required",
             operation, part.elements(), name_of(part.dtype()), values.elements(),
             name_of(values.dtype()), size());
}

// The library says only that a connection has closed. Whether a rank was lost is known a moment
// later, from the store.
void ProcessGroup::call(const char* operation, const std::function<void()>& run) {
  store_->check();
  store_->doing(operation);
  try {
    run();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    store_->wait_for_the_end(options_.silence + options_.silence / 2);
    store_->check();
    const std::string why = fmt::format("{} has not ended ({})", operation, error.what());
    store_->fail_job(why);
    throw InternalError("dist: " + why +
                        "; all ranks are required to take part in it within "
                        "dist.timeout");
  }
  store_->doing("training");
}

void ProcessGroup::leave() {
  barrier();
  store_->leave();
  if (server_) server_->wait_for_leaving(options_.timeout);
}

}  // namespace weft::dist
