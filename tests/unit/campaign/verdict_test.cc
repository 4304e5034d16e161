// SPDX-License-Identifier: Apache-2.0
// What a campaign's verdict takes for a violation, and what the faults of its schedule explain.
#include "tests/campaign/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace netmsg::campaign {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kOpener = 1;
constexpr std::uint32_t kReceiver = 2;
constexpr std::uint32_t kStream = 9;

class CampaignVerdict : public ::testing::Test {
 protected:
  void open(std::uint32_t target) { opener_.write(Event::kOpened, kOpener, kStream, target); }
  void send(std::uint32_t number) {
    opener_.write(Event::kTried, kOpener, kStream, number);
    opener_.write(Event::kSent, kOpener, kStream, number);
  }
  void receive(std::uint32_t number) { receiver_.write(Event::kReceived, kOpener, kStream, number); }
  void answer(std::uint32_t number) { opener_.write(Event::kAnswered, kOpener, kStream, number); }
  void pass(std::uint32_t number) {
    send(number);
    receive(number);
    answer(number);
  }

  std::vector<std::string> violations() const {
    const std::vector<Life> lives = {{kOpener, 0, 0, true, &opener_}, {kReceiver, 1, 0, true, &receiver_}};
    return Verdict(lives, faults_, Clock::now()).violations();
  }

  test::TemporaryFolder folder_;
  Journal opener_{folder_.path() + "/opener"};
  Journal receiver_{folder_.path() + "/receiver"};
  FaultLog faults_;
};

TEST_F(CampaignVerdict, WhatArrivedAndWasAnsweredIsRight) {
  open(kTraveller);
  pass(0);
  pass(1);
  EXPECT_THAT(violations(), IsEmpty());
}

TEST_F(CampaignVerdict, AMessageThatNobodyGotIsFoundAtTheEndToo) {
  open(kTraveller);
  pass(0);
  send(1);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("but not 1; received 0-0 at life 2")));
}

TEST_F(CampaignVerdict, AnAnswerThatDidNotComeIsFound) {
  open(kTraveller);
  pass(0);
  send(1);
  receive(1);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("but not 1; received 0-1 at life 2")));
}

TEST_F(CampaignVerdict, AGapIsFound) {
  open(kTraveller);
  pass(0);
  send(1);
  pass(2);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("arrived out of order"), HasSubstr("but not 1")));
}

TEST_F(CampaignVerdict, AHostThatDiedExplainsWhatATravellingPortLacks) {
  open(kTraveller);
  pass(0);
  send(1);
  faults_.ended(2, std::nullopt);
  pass(2);
  send(3);
  faults_.ended(2, std::nullopt);
  EXPECT_THAT(violations(), IsEmpty());
}

TEST_F(CampaignVerdict, AHostThatDiedExplainsNothingOfAPortThatStays) {
  open(1 * kSlots + 0);
  pass(0);
  send(1);
  faults_.ended(2, std::nullopt);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("its port stays, 2 were sent, 1 answered, but not 1")));
}

TEST_F(CampaignVerdict, AWorkerThatDiedExplainsNothingOfAPortThatLives) {
  open(kTraveller);
  pass(0);
  send(1);
  faults_.ended(2, 0);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("but not 1")));
}

TEST_F(CampaignVerdict, WhatWasAnsweredMustHaveArrived) {
  open(kTraveller);
  send(0);
  answer(0);
  faults_.ended(2, std::nullopt);
  EXPECT_THAT(violations(), ElementsAre(HasSubstr("what was acknowledged is lost")));
}

}  // namespace
}  // namespace netmsg::campaign
