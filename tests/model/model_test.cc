// SPDX-License-Identifier: Apache-2.0
// The engine against the model: random scripts, everything that a program can observe compared after every step.
// A failure prints the smallest script that shows it. And the model against the recorded kernel; and wrong rules
// planted in the model, to see that the comparison finds them.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <variant>

#include "tests/conformance/engine_backend.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/trace_file.h"
#include "tests/model/generator.h"
#include "tests/model/model_backend.h"
#include "tests/model/script.h"
#include "tests/model/shrink.h"
#include "tests/support/scale.h"
#include "tests/support/seed.h"

namespace netmsg::model {
namespace {

using conformance::Case;
using conformance::EngineBackend;
using conformance::Outcome;

constexpr int kOperations = 1'000'000;
constexpr std::uint32_t kOperationsPerCase = 80;
constexpr std::uint32_t kLateOperations = 20;

// A random case, as the model answers it.
Case random_case(std::uint32_t seed, Fault planted) {
  Case made{"model/seed-" + std::to_string(seed), {}};
  ModelBackend model(planted);
  Recorder recorder(model);
  Generator generator(seed, recorder);
  for (std::uint32_t number = 1; number <= kOperationsPerCase; ++number) {
    conformance::Operation operation = generator.next(number, number + kLateOperations > kOperationsPerCase);
    if (recorder.record(operation)) made.operations.push_back(std::move(operation));
  }
  return made;
}

// The same operations anew.
Case recorded_again(const Case& before, const Operations& operations, Fault planted) {
  Case made{before.name, {}};
  ModelBackend model(planted);
  Recorder recorder(model);
  for (conformance::Operation operation : operations) {
    if (recorder.record(operation)) made.operations.push_back(std::move(operation));
  }
  return made;
}

// In words; empty if there is none. The excuses of recorded traces are none here.
std::string difference(const Case& recorded) {
  EngineBackend engine(1, false);
  const Outcome outcome = conformance::replay(recorded, engine);
  if (outcome.difference) {
    return "operation " + std::to_string(outcome.difference->operation) + ": " + outcome.difference->what;
  }
  return outcome.excuses.empty() ? "" : "a difference that only a recording may have";
}

Case shrunk(const Case& failing, Fault planted) {
  const auto differs = [&](const Operations& operations) {
    return !difference(recorded_again(failing, operations, planted)).empty();
  };
  return recorded_again(failing, shrink(failing.operations, differs), planted);
}

// The first random case that shows a difference, shrunk; nothing if there is none in so many operations.
std::optional<Case> find_difference(std::uint32_t seed, int operations, Fault planted) {
  for (int done = 0; done < operations; ++seed) {
    const Case recorded = random_case(seed, planted);
    done += static_cast<int>(recorded.operations.size());
    if (!difference(recorded).empty()) return shrunk(recorded, planted);
  }
  return std::nullopt;
}

std::vector<Case> cases_of(const std::filesystem::path& file) {
  auto read = conformance::read_trace(file.string());
  if (const auto* error = std::get_if<std::string>(&read)) ADD_FAILURE() << *error;
  const auto* trace = std::get_if<conformance::Trace>(&read);
  return trace == nullptr ? std::vector<Case>() : trace->cases;
}

TEST(Model, AgreesWithTheEngineOnRandomScripts) {
  const std::optional<Case> found =
      find_difference(test::test_seed(), test::scaled(kOperations), Fault::kNone);
  if (found) FAIL() << found->name << ", " << difference(*found) << "\n" << to_script(*found);
}

TEST(Model, AgreesWithTheRecordedKernel) {
  ModelBackend model;
  std::size_t replayed = 0;
  for (const auto& file : std::filesystem::directory_iterator(TRACES_FOLDER)) {
    for (const Case& recorded : cases_of(file)) {
      const Outcome outcome = conformance::replay(recorded, model);
      EXPECT_FALSE(outcome.difference) << recorded.name << ": " << outcome.difference->what;
      ++replayed;
    }
  }
  EXPECT_GT(replayed, 10000U);
}

// What is printed can be read, by people and by netmsg_replay, and says the same.
TEST(Model, WritesScriptsThatCanBeReplayed) {
  const std::uint32_t seed = test::test_seed();
  for (std::uint32_t at = 0; at < 200; ++at) {
    const std::string script = to_script(random_case(seed + at, Fault::kNone));
    const auto parsed = conformance::parse_trace(script);
    const auto* error = std::get_if<conformance::TraceError>(&parsed);
    ASSERT_EQ(error, nullptr) << "line " << error->line << ": " << error->what << "\n" << script;
    const Case& read = std::get<conformance::Trace>(parsed).cases.at(0);
    EXPECT_EQ(to_script(read), script);
    ModelBackend model;
    const Outcome outcome = conformance::replay(read, model);
    ASSERT_FALSE(outcome.difference) << "operation " << outcome.difference->operation << ": "
                                     << outcome.difference->what << "\n"
                                     << script;
  }
}

// A wrong rule in the model is found, whatever the seed, and what is left of the script is short.
struct Planted {
  Fault fault;
  const char* name;
};

class PlantedFaults : public testing::TestWithParam<Planted> {};

TEST_P(PlantedFaults, AreFoundAndShrunk) {
  const std::optional<Case> found = find_difference(test::test_seed(), kOperations / 2, GetParam().fault);
  ASSERT_TRUE(found) << "not found";
  EXPECT_LE(found->operations.size(), 20U) << to_script(*found);
  // Without the fault the same operations agree: it is the fault that was found.
  EXPECT_EQ(difference(recorded_again(*found, found->operations, Fault::kNone)), "");
}

constexpr Planted kPlanted[] = {
    {Fault::kMakeSendIsNotCounted, "MakeSendIsNotCounted"},
    {Fault::kDeadNameGainsNoReference, "DeadNameGainsNoReference"},
    {Fault::kMoveAndCopyNeedTwo, "MoveAndCopyNeedTwo"},
    {Fault::kSendOnceWaitsForRoom, "SendOnceWaitsForRoom"},
    {Fault::kQueueIsOneLonger, "QueueIsOneLonger"},
    {Fault::kNoSendersIgnoresSync, "NoSendersIgnoresSync"},
    {Fault::kQueueDiesNewestFirst, "QueueDiesNewestFirst"},
    {Fault::kReplyIsNotGivenBack, "ReplyIsNotGivenBack"},
    {Fault::kSendReferencesGoTo65535, "SendReferencesGoTo65535"},
    {Fault::kLeavingASetLosesTheOrder, "LeavingASetLosesTheOrder"},
    {Fault::kSequenceSurvivesTheMove, "SequenceSurvivesTheMove"},
    {Fault::kDroppedSendOnceIsSilent, "DroppedSendOnceIsSilent"},
};
INSTANTIATE_TEST_SUITE_P(Model, PlantedFaults, testing::ValuesIn(kPlanted),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace netmsg::model
