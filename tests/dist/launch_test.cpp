// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/launch.h"

#include <map>

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft::dist {
namespace {

using Environment = std::map<std::string, std::string>;

std::optional<Launch> launch_in(const Environment& environment, std::optional<int> port = {}) {
  return launch_of(
      [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
      },
      port);
}

std::string refusal_in(const Environment& environment) {
  try {
    launch_in(environment);
  } catch (const UserError& error) {
    return error.what();
  }
  return "none";
}

Environment with(Environment environment, const Environment& more) {
  for (const auto& [name, value] : more) environment[name] = value;
  return environment;
}
Environment without(Environment environment, const std::string& name) {
  environment.erase(name);
  return environment;
}

const Environment kTorchrun{{"RANK", "3"},
                            {"WORLD_SIZE", "8"},
                            {"LOCAL_RANK", "1"},
                            {"LOCAL_WORLD_SIZE", "2"},
                            {"MASTER_ADDR", "node4"},
                            {"MASTER_PORT", "29400"},
                            {"TORCHELASTIC_RUN_ID", "none"},
                            {"TORCHELASTIC_RESTART_COUNT", "0"}};
const Environment kMpirun{{"OMPI_COMM_WORLD_RANK", "1"},       {"OMPI_COMM_WORLD_SIZE", "2"},
                          {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                          {"PMIX_NAMESPACE", "1902247937"},    {"PMIX_RANK", "1"}};
const Environment kHydra{{"PMI_RANK", "0"},
                         {"PMI_SIZE", "4"},
                         {"MPI_LOCALRANKID", "0"},
                         {"MPI_LOCALNRANKS", "4"},
                         {"MASTER_PORT", "4000"}};
const Environment kSbatch{{"SLURM_JOB_ID", "77"},
                          {"SLURM_NTASKS", "6"},
                          {"SLURM_PROCID", "0"},
                          {"SLURM_LOCALID", "0"},
                          {"SLURM_JOB_NODELIST", "node[03-05]"}};
const Environment kSrun = with(kSbatch, {{"SLURM_STEP_ID", "2"},
                                         {"SLURM_PROCID", "5"},
                                         {"SLURM_LOCALID", "1"},
                                         {"SLURM_STEP_NUM_TASKS", "6"},
                                         {"SLURM_STEP_NODELIST", "node[03-05]"}});

TEST(Launch, WithoutALauncherThereIsNone) {
  EXPECT_FALSE(launch_in({}));
  EXPECT_FALSE(launch_in({{"MASTER_ADDR", "node1"}, {"LOCAL_RANK", "0"}}));
  EXPECT_FALSE(launch_in(kSbatch));  // the script itself is no process of a step
}

TEST(Launch, Torchrun) {
  const auto launch = launch_in(kTorchrun).value();
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.address, "node4");
  EXPECT_EQ(launch.port, 29400);
  // Its own store has the port.
  const Environment agent = with(kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  EXPECT_EQ(launch_in(agent)->port, 29401);
  EXPECT_EQ(launch_in(agent, 5000)->port, 5000);
  EXPECT_EQ(launch_in(without(agent, "MASTER_PORT"), 5000)->port, 5000);
}

TEST(Launch, MpirunOnOneMachine) {
  const auto launch = launch_in(kMpirun).value();
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.size, 2);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.address, "127.0.0.1");
  EXPECT_GE(launch.port, 12000);
  EXPECT_LT(launch.port, 32000);
  const auto rank0 = launch_in(
      with(kMpirun, {{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}}));
  EXPECT_EQ(rank0->port, launch.port);
  EXPECT_EQ(rank0->token, launch.token);
  const auto other_job = launch_in(with(kMpirun, {{"PMIX_NAMESPACE", "7"}}));
  EXPECT_NE(other_job->port, launch.port);
  EXPECT_NE(other_job->token, launch.token);
}

TEST(Launch, MpirunOnSeveralMachinesTakesAnAddress) {
  const Environment several = with(kMpirun, {{"OMPI_COMM_WORLD_SIZE", "4"}});
  EXPECT_EQ(refusal_in(several),
            "MASTER_ADDR: it is not set, and the 4 ranks are on several machines; the address of "
            "rank 0's machine is required (mpirun -x MASTER_ADDR=HOST)");
  EXPECT_EQ(launch_in(with(several, {{"MASTER_ADDR", "node9"}}))->address, "node9");
}

TEST(Launch, Hydra) {
  const auto launch = launch_in(kHydra).value();
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.port, 4000);
  EXPECT_EQ(refusal_in(without(kHydra, "MASTER_PORT")),
            "MASTER_PORT: it is not set, and PMI_* says no number of the job; a free port of rank "
            "0's machine is required, there or as dist.port");
}

TEST(Launch, SrunCountsInAStep) {
  const auto launch = launch_in(kSrun).value();
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.size, 6);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.address, "node03");
  EXPECT_NE(launch_in(with(kSrun, {{"SLURM_STEP_ID", "3"}}))->port, launch.port);
  // srun sets these for programs with MPI.
  EXPECT_EQ(launch_in(with(kSrun, {{"PMI_RANK", "5"}, {"PMI_SIZE", "6"}}))->family, "SLURM_*");
  EXPECT_EQ(launch_in(with(kSrun, {{"PMIX_RANK", "5"}}))->family, "SLURM_*");
}

TEST(Launch, TheFirstFamilyCounts) {
  EXPECT_EQ(launch_in(with(kSrun, kMpirun))->family, "OMPI_COMM_WORLD_*");
  EXPECT_EQ(launch_in(with(kSrun, kHydra))->family, "PMI_*");
  EXPECT_EQ(launch_in(with(with(kSrun, kMpirun), kTorchrun))->family, "RANK, WORLD_SIZE");
}

TEST(Launch, WhatIsHalfSetIsRefused) {
  const auto refused = [](const Environment& environment, const std::string& text) {
    EXPECT_EQ(refusal_in(environment), text);
  };
  refused(without(kTorchrun, "WORLD_SIZE"),
          "environment: RANK, LOCAL_RANK given, without WORLD_SIZE; all of them are required");
  refused(without(kTorchrun, "RANK"),
          "environment: WORLD_SIZE, LOCAL_RANK given, without RANK; all of them are required");
  refused(without(kTorchrun, "LOCAL_RANK"),
          "environment: RANK, WORLD_SIZE given, without LOCAL_RANK; all of them are required");
  refused(without(kTorchrun, "MASTER_ADDR"),
          "environment: RANK, MASTER_PORT given, without MASTER_ADDR; all of them are required");
  refused(without(kMpirun, "OMPI_COMM_WORLD_SIZE"),
          "environment: OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_LOCAL_RANK given, without "
          "OMPI_COMM_WORLD_SIZE; all of them are required");
  refused(without(kSrun, "SLURM_STEP_NUM_TASKS"),
          "environment: SLURM_PROCID, SLURM_LOCALID given, without SLURM_STEP_NUM_TASKS; all of "
          "them are required");
  refused({{"PMIX_RANK", "0"}},
          "PMIX_RANK: 0 given, without the number of ranks; RANK, WORLD_SIZE and LOCAL_RANK are "
          "required");
}

TEST(Launch, WhatContradictsItselfIsRefused) {
  const auto refused = [](const Environment& changed, const std::string& text) {
    EXPECT_EQ(refusal_in(with(kTorchrun, changed)), text);
  };
  refused({{"RANK", "8"}}, "RANK: '8' given; a whole number from 0 to 7 is required");
  refused({{"RANK", "-1"}}, "RANK: '-1' given; a whole number from 0 to 7 is required");
  refused({{"RANK", "1x"}}, "RANK: '1x' given; a whole number from 0 to 7 is required");
  refused({{"WORLD_SIZE", "0"}},
          "WORLD_SIZE: '0' given; a whole number from 1 to 1048576 is required");
  refused({{"LOCAL_RANK", "2"}}, "LOCAL_RANK: '2' given; a whole number from 0 to 1 is required");
  refused({{"LOCAL_WORLD_SIZE", "9"}},
          "LOCAL_WORLD_SIZE: '9' given; a whole number from 1 to 8 is required");
  refused({{"MASTER_PORT", "65536"}},
          "MASTER_PORT: '65536' given; a whole number from 1 to 65535 is required");
  refused({{"MASTER_PORT", "65535"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"}},
          "MASTER_PORT: '65535' given; a whole number from 1 to 65534 is required");
  refused({{"MASTER_ADDR", ""}},
          "MASTER_ADDR: it is empty; the address of rank 0's machine is required");
}

TEST(Launch, ATokenOfOnesOwnAndARestartMakeAnotherJob) {
  const std::string token = launch_in(kTorchrun)->token;
  EXPECT_NE(launch_in(with(kTorchrun, {{"TORCHELASTIC_RESTART_COUNT", "1"}}))->token, token);
  const auto own = launch_in(with(kTorchrun, {{"WEFT_DIST_TOKEN", "mine"}}));
  EXPECT_NE(own->token, token);
  EXPECT_EQ(own->token.find("mine"), std::string::npos);
}

TEST(Launch, OneProcessNeedsNoAddress) {
  const auto launch = launch_in({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"LOCAL_RANK", "0"}});
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->size, 1);
}

TEST(Launch, FirstHostOfAList) {
  EXPECT_EQ(first_host("node1"), "node1");
  EXPECT_EQ(first_host("node1,node2"), "node1");
  EXPECT_EQ(first_host("node[03-05,9],gpu1"), "node03");
  EXPECT_EQ(first_host("rack[1-2]node[7,9]"), "rack1node7");
  EXPECT_EQ(first_host("node[12]-ib"), "node12-ib");
  for (const char* wrong : {"", ",", "node[1"}) EXPECT_THROW(first_host(wrong), UserError) << wrong;
}

}  // namespace
}  // namespace weft::dist
