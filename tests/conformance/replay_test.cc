// SPDX-License-Identifier: Apache-2.0
// A replay that cannot fail proves nothing: the same small recording, once as it was and then with one thing changed.
#include "tests/conformance/replay.h"

#include <gtest/gtest.h>

#include "tests/conformance/engine_backend.h"
#include "tests/conformance/symbols.h"

namespace netmsg::conformance {
namespace {

// A port, a send right for it in the other task, and a message that carries another right.
constexpr std::string_view kRecorded = R"(@format mach-ipc-trace 1
@cases 1

@case small/message
1 alloc t1 RECEIVE
 > KERN_SUCCESS name=p1
 = t1:p1 RECEIVE:1 seqno=0 mscount=0 qlimit=5 msgcount=0 sorights=0 srights=0 pdrequest=0 nsrequest=0 pset=-
2 extract t0 p1 MAKE_SEND on=t1
 > KERN_SUCCESS
 > right=SEND:p1
 = t0:p1 SEND:1
 = t1:p1 RECEIVE:1 seqno=0 mscount=1 qlimit=5 msgcount=0 sorights=0 srights=1 pdrequest=0 nsrequest=0 pset=-
3 send t0 R=MOVE_SEND:p1 L=NONE:NULL id=7 D:BYTE:8:3:20 P:COPY_SEND:DEAD
 > MACH_MSG_SUCCESS
 = t0:p1 free
 = t1:p1 RECEIVE:1 seqno=0 mscount=1 qlimit=5 msgcount=1 sorights=0 srights=1 pdrequest=0 nsrequest=0 pset=-
4 recv t1 p1 opt=RCV_TIMEOUT to=0
 > MACH_MSG_SUCCESS
 M R=NONE:NULL L=SEND:p1 seqno=0 id=7 cx=1 D:BYTE:8:3:20 P:SEND:DEAD
 = t1:p1 RECEIVE:1 seqno=1 mscount=1 qlimit=5 msgcount=0 sorights=0 srights=0 pdrequest=0 nsrequest=0 pset=-
5 dealloc t0 p1
 > KERN_INVALID_NAME
@end
)";

std::string with(std::string_view before, std::string_view after) {
  std::string text(kRecorded);
  const std::size_t at = text.rfind(before);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, before.size(), after);
}

Outcome outcome_of(std::string_view text) {
  const auto parsed = parse_trace(text);
  const Trace* trace = std::get_if<Trace>(&parsed);
  if (trace == nullptr) {
    ADD_FAILURE() << "line " << std::get<TraceError>(parsed).line << ": "
                  << std::get<TraceError>(parsed).what;
    return {};
  }
  EngineBackend backend(1, true);
  return replay(trace->cases.at(0), backend);
}

std::uint32_t differs_at(std::string_view text) {
  const Outcome outcome = outcome_of(text);
  return outcome.difference ? outcome.difference->operation : 0;
}

TEST(Replay, ARecordingThatAgreesIsReplayedWhole) {
  const Outcome outcome = outcome_of(kRecorded);
  EXPECT_FALSE(outcome.difference) << outcome.difference->what;
  EXPECT_TRUE(outcome.excuses.empty());
  EXPECT_EQ(outcome.operations, 5U);
}

TEST(Replay, FindsAnotherCode) {
  EXPECT_EQ(differs_at(with("KERN_INVALID_NAME", "KERN_INVALID_RIGHT")), 5U);
}

TEST(Replay, FindsAnotherMessage) {
  for (const auto& [before, after] : {std::pair("id=7 cx", "id=8 cx"),
                                      {"R=NONE", "R=SEND"},
                                      {"cx=1", "cx=0"},
                                      {"8:3:20", "8:3:21"},
                                      {"8:3:20", "8:2:20"},
                                      {"SEND:DEAD", "SEND:NULL"},
                                      {"SEND:DEAD", "SEND:p2"},
                                      {"SEND:DEAD", "SEND_ONCE:DEAD"}}) {
    EXPECT_EQ(differs_at(with(before, after)), 4U) << after;
  }
}

TEST(Replay, FindsAnotherState) {
  EXPECT_EQ(differs_at(with("seqno=1 mscount=1", "seqno=0 mscount=1")), 4U);
  EXPECT_EQ(differs_at(with("= t0:p1 free", "= t0:p1 SEND:1")), 3U);
}

TEST(Replay, FindsAStateThatChangedUnrecorded) {
  EXPECT_EQ(differs_at(with(" = t0:p1 free\n", "")), 3U);
}

TEST(Replay, FindsANameThatTheRecordingDoesNotHave) {
  EXPECT_EQ(differs_at(with(" name=p1", "")), 1U);
}

TEST(Trace, AFileThatIsHalfUnderstoodIsRefused) {
  for (const auto& [before, after] : {std::pair("mach-ipc-trace 1", "mach-ipc-trace 2"),
                                      {"dealloc t0", "dealloc t2"},
                                      {"dealloc", "deal"},
                                      {" > KERN_INVALID_NAME", " ? KERN_INVALID_NAME"},
                                      {"@end\n", ""},
                                      {"@cases 1", "@cases 2"},
                                      {"opt=RCV_TIMEOUT", "opt=RCV_TIME"},
                                      {"cx=1", "cy=1"}}) {
    EXPECT_TRUE(std::holds_alternative<TraceError>(parse_trace(with(before, after)))) << after;
  }
}

TEST(Symbols, ANumberBelongsToOneSymbolAndASymbolIsBoundOnce) {
  Symbols symbols;
  EXPECT_TRUE(symbols.bind(1, 100, {}));
  EXPECT_FALSE(symbols.bind(2, 100, {}));
  symbols.unbind(1);
  EXPECT_FALSE(symbols.bind(1, 101, {}));
  EXPECT_TRUE(symbols.bind(2, 100, {}));
}

// Rule A of DEVIATIONS.md §1.1, and a notification about a name that rule B has renumbered since.
TEST(Symbols, ANameAsDataMayBeTheNumberOfAnOlderSymbol) {
  Symbols symbols;
  symbols.bind(1, 100, {});
  symbols.unbind(1);
  symbols.bind(2, 200, {1});
  symbols.unbind(2);
  symbols.bind(3, 300, {2});
  symbols.rebind(3, 301);
  for (const Name number : {100U, 200U, 300U, 301U}) EXPECT_TRUE(symbols.may_denote(3, number));
  EXPECT_FALSE(symbols.may_denote(3, 302));
  EXPECT_FALSE(symbols.may_denote(1, 200));
}

}  // namespace
}  // namespace netmsg::conformance
