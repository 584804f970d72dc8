// SPDX-License-Identifier: Apache-2.0
// What a launcher (torchrun, mpirun, srun, Ray) says in the environment about the processes of a
// job: how many there are, which one this is, and where rank 0 listens.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "weft/core/types.h"

namespace weft::dist {

// The value of a variable of the environment; null if it is not set. std::getenv is one.
using Variables = std::function<const char*(const char* name)>;

struct Launch {
  std::string family;  // the variables that rank and size come from: "RANK, WORLD_SIZE"
  i64 rank = 0;
  i64 size = 1;
  i64 local_rank = 0;   // among the processes on this machine; picks the GPU
  std::string address;  // the host of rank 0's store, as the launcher names it
  int port = 0;
  // Processes with another token are of another job. It protects against mix-ups, not attackers.
  std::string token;
};

// Note [Launchers]
// The first family whose rank and size are set counts:
//   RANK, WORLD_SIZE, LOCAL_RANK             torchrun, Ray, or set by hand
//   OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK Open MPI's mpirun
//   PMI_RANK, PMI_SIZE, MPI_LOCALRANKID      MPICH's mpirun, Intel MPI
//   SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID    srun
// Variables of other families do not matter: an mpirun in a SLURM job has those of SLURM as well.
// sbatch sets SLURM_PROCID too, so SLURM counts only in a step of srun, which has SLURM_STEP_ID.
//
// The address is MASTER_ADDR. Without it, it is the first machine of the step for srun, and
// 127.0.0.1 where mpirun started all processes on one machine. The port is `port` (dist.port), or
// MASTER_PORT, or the next one where torchrun's own store has that
// (TORCHELASTIC_USE_AGENT_STORE=True), or is derived from the number of the job.
//
// Sources: pytorch.org/docs/stable/elastic/run.html, docs.open-mpi.org (Environment variables set
// for MPI applications), slurm.schedmd.com/srun.html (OUTPUT ENVIRONMENT VARIABLES).

// None if no launcher started this process. Throws UserError, naming the variables, for a family
// that is set in part or contradicts itself, and without an address or a port. With a size of 1
// neither is required.
std::optional<Launch> launch_of(const Variables& variable, std::optional<int> port = {});

// The first name in a list of SLURM's: node03 for "node[03-05,9],gpu1".
std::string first_host(const std::string& list);

}  // namespace weft::dist
