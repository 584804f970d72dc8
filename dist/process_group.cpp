// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/process_group.h"

#include <utility>

#include "weft/core/clock.h"
#include "weft/core/error.h"
#include "weft/dist/take_part.h"
#include "weft/dist/tcp.h"

namespace weft::dist {
namespace {

// Connections to a process that was killed close at once, and Gloo says so.
constexpr std::chrono::seconds kGrace{4};
constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24);

// The pace of this rank while it lives.
class AtPace {
 public:
  AtPace(Store& store, Pace pace) : store_(store), before_(store.pace(pace)) {}
  ~AtPace() { store_.pace(before_); }
  AtPace(const AtPace&) = delete;
  AtPace& operator=(const AtPace&) = delete;

 private:
  Store& store_;
  Pace before_;
};

}  // namespace

ProcessGroup::ProcessGroup(Launch launch, const GroupOptions& options)
    : launch_(std::move(launch)), options_(options) {
  const BackendMaker make = open_backend(options_.backend, options_.device, launch_.size);
  if (launch_.rank == 0)
    server_ = std::make_unique<StoreServer>(
        listen_at(launch_.address, launch_.port),
        JobIdentity{launch_.size, launch_.token, options_.build_and_config, options_.timeout},
        options_.silence);
  try {
    join(make);
  } catch (...) {
    if (server_) server_->wait_for_late(kGrace);
    throw;
  }
}

void ProcessGroup::join(const BackendMaker& make) {
  store_ = std::make_shared<Store>(launch_, options_.build_and_config, options_.timeout,
                                   options_.silence);
  store_->when_stuck(kGrace, options_.when_stuck);
  call("the start", [&] {
    wait_for_all();
    // The store ends the job of ranks that wait too long, and when_stuck ends their operations.
    backend_ = make({launch_.rank, launch_.size, *store_, store_->local_address(),
                     options_.when_stuck ? kForEver : options_.timeout, options_.silence});
  });
  order_ = StreamOrder(backend_->stream());
  store_->when_stuck(kGrace,
                     [backend = backend_, last = options_.when_stuck](const std::string& sentence) {
                       backend->give_up();
                       if (last) last(sentence);
                     });
  doing("training");
}

// An operation that still runs cannot be interrupted. The others are told, so they end, and then it
// ends; if one of them was stopped, the thread is left behind with what it uses.
ProcessGroup::~ProcessGroup() {
  if (background_ && background_->busy())
    store_->fail_job("its group ended while operations were begun");
  if (store_) store_->when_stuck({}, nullptr);
  if (background_) background_->stop(kGrace);
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

void ProcessGroup::begin(const char* operation, std::initializer_list<Tensor> tensors,
                         std::function<void(Backend&)> run) {
  count(operation, *tensors.begin());
  if (order_) {
    queue(operation, tensors, [&] { run(*backend_); });
    return;
  }
  store_->check();
  if (!background_) background_ = std::make_unique<Background>();
  noticing([&] {
    background_->begin(
        [store = store_, backend = backend_, silence = options_.silence, operation,
         run = std::move(run)] { take_part(*store, silence, operation, [&] { run(*backend); }); });
  });
}

void ProcessGroup::begin_all_reduce(const Tensor& values) {
  begin("all-reduce", {values}, [values](Backend& backend) { backend.all_reduce(values); });
}

void ProcessGroup::begin_reduce_scatter(const Tensor& values, const Tensor& part) {
  check_parts("reduce-scatter", part, values);
  begin("reduce-scatter", {values, part},
        [values, part](Backend& backend) { backend.reduce_scatter(values, part); });
}

void ProcessGroup::finish() {
  order_.finish();
  if (!background_) return;
  const auto begin = Clock::now();
  const AtPace pace(*store_, Pace::exchanging);
  noticing([&] { background_->wait(); });
  traffic_.seconds_waited += seconds_since(begin);
  traffic_.seconds_busy = background_->seconds_busy();
}

void ProcessGroup::all_reduce(const Tensor& values) {
  count("all-reduce", values);
  run("all-reduce", {values}, [&] { backend_->all_reduce(values); });
}
void ProcessGroup::reduce_scatter(const Tensor& values, const Tensor& part) {
  check_parts("reduce-scatter", part, values);
  count("reduce-scatter", values);
  run("reduce-scatter", {values, part}, [&] { backend_->reduce_scatter(values, part); });
}
void ProcessGroup::all_gather(const Tensor& part, const Tensor& values) {
  check_parts("all-gather", part, values);
  count("all-gather", values);
  run("all-gather", {values, part}, [&] { backend_->all_gather(part, values); });
}
void ProcessGroup::broadcast(const Tensor& values, i64 root) {
  check_root("broadcast", root);
  count("broadcast", values);
  run("broadcast", {values}, [&] { backend_->broadcast(values, root); });
}
void ProcessGroup::barrier() {
  call("barrier", [&] {
    backend_->barrier();
    order_.wait();
  });
}

void ProcessGroup::wait_for_others(const std::string& what) {
  call(what.c_str(), [&] { meet(what); });
}

void ProcessGroup::patiently(const std::function<void()>& work) {
  const AtPace pace(*store_, Pace::patient);
  work();
}

std::string ProcessGroup::broadcast_text(const std::string& text, i64 root) {
  check_root("broadcast_text", root);
  std::string received;
  call("broadcast of a text",
       [&] { received = meet("broadcast of a text", rank() == root ? text : ""); });
  return received;
}

// What was queued on a GPU is done first: the emulated one works only while the host waits for it,
// and the others would wait for this rank.
std::string ProcessGroup::meet(const std::string& name, const std::string& text) {
  const AtPace pace(*store_, Pace::computing);  // others may come to the meeting late
  order_.wait();
  return store_->meet(name, text);
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

void ProcessGroup::count(const char* operation, const Tensor& values) {
  WEFT_CHECK(values.device().index() == options_.device.index(),
             "{}: a tensor on the device {} given; one on {}, the device of the ranks, is required",
             operation, name_of(values.device()), name_of(options_.device));
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

void ProcessGroup::run(const char* operation, std::initializer_list<Tensor> tensors,
                       const std::function<void()>& run) {
  if (!order_) return call(operation, run);
  queue(operation, tensors, run);
  order_.finish();
}

// On a GPU: the host does not wait.
void ProcessGroup::queue(const char* operation, std::initializer_list<Tensor> tensors,
                         const std::function<void()>& run) {
  store_->check();
  for (const Tensor& values : tensors) order_.begin(values);
  noticing([&] { take_part(*store_, options_.silence, operation, run); });
}

void ProcessGroup::call(const char* operation, const std::function<void()>& run) {
  finish();
  store_->check();
  const auto begin = Clock::now();
  const AtPace pace(*store_, Pace::exchanging);
  noticing([&] { take_part(*store_, options_.silence, operation, run); });
  if (order_) store_->check();  // an operation that give_up() ended does not fail
  traffic_.seconds_waited += seconds_since(begin);
}

void ProcessGroup::leave() {
  barrier();
  store_->leave();
  if (server_) server_->wait_for_leaving(options_.timeout);
}

}  // namespace weft::dist
