// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/launch.h"

#include <charconv>
#include <cstdint>
#include <initializer_list>

#include "weft/core/error.h"
#include "weft/core/sha256.h"

namespace weft::dist {
namespace {

struct Family {
  const char* name;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;  // null: the launcher does not say it
  const char* job;         // which tells jobs on one machine apart
};

constexpr i64 kMostRanks = i64{1} << 20;
constexpr int kMostPort = 65535;
// Ports below those that Linux gives to outgoing connections (ip_local_port_range: 32768 …).
constexpr int kFirstDerivedPort = 12000, kDerivedPorts = 20000;

constexpr Family kTorch{"RANK, WORLD_SIZE", "RANK",
                        "WORLD_SIZE",       "LOCAL_RANK",
                        "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"};
constexpr Family kOpenMpi{"OMPI_COMM_WORLD_*",          "OMPI_COMM_WORLD_RANK",
                          "OMPI_COMM_WORLD_SIZE",       "OMPI_COMM_WORLD_LOCAL_RANK",
                          "OMPI_COMM_WORLD_LOCAL_SIZE", "PMIX_NAMESPACE"};
constexpr Family kPmi{"PMI_*",           "PMI_RANK",        "PMI_SIZE",
                      "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "PMI_JOBID"};
constexpr Family kSlurm{"SLURM_*",       "SLURM_PROCID", "SLURM_STEP_NUM_TASKS",
                        "SLURM_LOCALID", nullptr,        "SLURM_JOB_ID"};

class Reader {
 public:
  explicit Reader(const Variables& variable) : variable_(variable) {}

  bool has(const char* name) const { return variable_(name) != nullptr; }
  std::string text(const char* name) const {
    const char* value = name == nullptr ? nullptr : variable_(name);
    return value == nullptr ? "" : value;
  }
  i64 number(const char* name, i64 least, i64 most) const {
    const std::string given = text(name);
    i64 value = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
    WEFT_CHECK(error == std::errc() && end == given.data() + given.size() && !given.empty() &&
                   value >= least && value <= most,
               "{}: '{}' given; a whole number from {} to {} is required", name, given, least,
               most);
    return value;
  }

 private:
  const Variables& variable_;
};

// Whether this process is one of a step of srun.
bool in_step(const Reader& reader) { return reader.has("SLURM_STEP_ID"); }

// The first family of which anything is set; null if none is.
const Family* family_of(const Reader& reader) {
  for (const Family* family : {&kTorch, &kOpenMpi})
    if (reader.has(family->rank) || reader.has(family->size)) return family;
  // srun sets PMI_RANK or PMIX_RANK, too, for programs with MPI, and no local rank of their kind.
  if (reader.has(kPmi.local_rank) && (reader.has(kPmi.rank) || reader.has(kPmi.size))) return &kPmi;
  if (in_step(reader)) return &kSlurm;
  WEFT_CHECK(!reader.has("PMIX_RANK"),
             "PMIX_RANK: {} given, without the number of ranks; RANK, WORLD_SIZE and LOCAL_RANK "
             "are required",
             reader.text("PMIX_RANK"));
  return reader.has(kPmi.rank) || reader.has(kPmi.size) ? &kPmi : nullptr;
}

void require_all(const Reader& reader, std::initializer_list<const char*> names) {
  std::string set, missing;
  for (const char* name : names) {
    std::string& list = reader.has(name) ? set : missing;
    list += list.empty() ? name : std::string(", ") + name;
  }
  WEFT_CHECK(missing.empty(), "environment: {} given, without {}; all of them are required", set,
             missing);
}

std::string address_from(const Reader& reader, const Family& family, i64 size) {
  if (reader.has("MASTER_ADDR")) {
    std::string address = reader.text("MASTER_ADDR");
    WEFT_CHECK(!address.empty(),
               "MASTER_ADDR: it is empty; the address of rank 0's machine is required");
    return address;
  }
  if (&family == &kSlurm) {
    require_all(reader, {family.rank, "SLURM_STEP_NODELIST"});
    return first_host(reader.text("SLURM_STEP_NODELIST"));
  }
  require_all(reader, {family.rank, family.local_size});
  WEFT_CHECK(reader.number(family.local_size, 1, kMostRanks) == size,
             "MASTER_ADDR: it is not set, and the {} ranks are on several machines; the address "
             "of rank 0's machine is required (mpirun -x MASTER_ADDR=HOST)",
             size);
  return "127.0.0.1";
}

// Names the job, and which start of it this is.
std::string job_of(const Reader& reader, const Family& family) {
  std::string job = reader.text(family.job);
  if (&family == &kSlurm) job += "." + reader.text("SLURM_STEP_ID");
  return job;
}

int port_from(const Reader& reader, const Family& family) {
  if (reader.has("MASTER_PORT")) {
    const bool taken = reader.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
    return static_cast<int>(reader.number("MASTER_PORT", 1, kMostPort - taken)) + taken;
  }
  const std::string job = job_of(reader, family);
  WEFT_CHECK(!job.empty(),
             "MASTER_PORT: it is not set, and {} says no number of the job; a free port of rank "
             "0's machine is required, there or as dist.port",
             family.name);
  const std::string digest = sha256_of(job).substr(0, 8);
  std::uint32_t number = 0;
  std::from_chars(digest.data(), digest.data() + digest.size(), number, 16);
  return kFirstDerivedPort + static_cast<int>(number % kDerivedPorts);
}

std::string token_from(const Reader& reader, const Family& family, const Launch& launch) {
  if (reader.has("WEFT_DIST_TOKEN")) return sha256_of(reader.text("WEFT_DIST_TOKEN"));
  return sha256_of(fmt::format("{} {} {} {} {}", job_of(reader, family),
                               reader.text("TORCHELASTIC_RESTART_COUNT"),
                               reader.text("SLURM_RESTART_COUNT"), launch.address, launch.port));
}

}  // namespace

std::optional<Launch> launch_of(const Variables& variable, std::optional<int> port) {
  const Reader reader(variable);
  const Family* family = family_of(reader);
  if (family == nullptr) return std::nullopt;
  require_all(reader, {family->rank, family->size, family->local_rank});
  Launch launch;
  launch.family = family->name;
  launch.size = reader.number(family->size, 1, kMostRanks);
  launch.rank = reader.number(family->rank, 0, launch.size - 1);
  launch.local_rank = reader.number(family->local_rank, 0, launch.size - 1);
  if (family->local_size != nullptr && reader.has(family->local_size))
    launch.local_rank =
        reader.number(family->local_rank, 0, reader.number(family->local_size, 1, launch.size) - 1);
  if (launch.size == 1) return launch;
  if (family == &kTorch) {
    if (port) require_all(reader, {"RANK", "MASTER_ADDR"});
    else require_all(reader, {"RANK", "MASTER_ADDR", "MASTER_PORT"});
  }
  launch.address = address_from(reader, *family, launch.size);
  launch.port = port ? *port : port_from(reader, *family);
  launch.token = token_from(reader, *family, launch);
  return launch;
}

std::string first_host(const std::string& list) {
  std::string name;
  for (std::size_t at = 0; at < list.size() && list[at] != ','; ++at) {
    if (list[at] != '[') {
      name += list[at];
      continue;
    }
    const std::size_t end = list.find(']', at), first = list.find_first_of("-,]", at);
    WEFT_CHECK(end != std::string::npos,
               "SLURM_STEP_NODELIST: '{}' given; a list of machines is required", list);
    name += list.substr(at + 1, first - at - 1);
    at = end;
  }
  WEFT_CHECK(!name.empty(), "SLURM_STEP_NODELIST: '{}' given; a list of machines is required",
             list);
  return name;
}

}  // namespace weft::dist
