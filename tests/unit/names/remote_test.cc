// SPDX-License-Identifier: Apache-2.0
// Look-ups on other hosts (spec 08 §5, §6, cases 08.10 to 08.12). The other hosts are scripted programs, or
// name services of their own, in the same engine.
#include "tests/unit/names/world.h"

namespace netmsg::names {
namespace {

constexpr ipc::Name kSelf = ipc::kTaskSelfName;

class RemoteNames : public World {
 protected:
  RemoteNames() : client_(program()), b_(host()), c_(host()), d_(host()) {}
  ~RemoteNames() override {
    for (Host* each : {&b_, &c_, &d_}) each->program.reset();
    client_.reset();
  }
  void connect_all() {
    connect("b", b_);
    connect("c", c_);
    connect("d", d_);
    names_at_start_ = server_names();
  }
  void expect_waiting(ipc::OpToken call) { EXPECT_EQ(client_->reply(call).msg, MACH_RCV_IN_PROGRESS); }

  std::unique_ptr<Client> client_;
  Host b_;
  Host c_;
  Host d_;
};

// 08.10
TEST_F(RemoteNames, ANamedHostIsAskedAndItsPortComesBack) {
  connect_all();
  const ipc::Name port = b_.program->receive_right();
  for (const char* host : {"b", "B", "10.0.0.2", "0x0a000002"}) {
    const ipc::OpToken call = client_->start_look_up(host, "Service");
    expect_waiting(call);
    answer_port(b_, "Service", port);
    EXPECT_EQ(client_->code_of(call), KERN_SUCCESS) << host;
    EXPECT_EQ(client_->type(client_->reply(call).port), static_cast<mach_port_type_t>(MACH_PORT_TYPE_SEND));
    expect_clean();
  }
  EXPECT_FALSE(c_.program->poll(c_.port));
}

TEST_F(RemoteNames, TheDisplayNameOfAConnectedPeerIsItsName) {
  connect("b", b_, "Bee");
  const ipc::OpToken call = client_->start_look_up("bee", "x");
  answer_no(b_, "x");
  EXPECT_EQ(client_->code_of(call), NETNAME_NOT_CHECKED_IN);
}

// 08.10
TEST_F(RemoteNames, TheCodesOfANamedHost) {
  connect_all();
  const struct {
    kern_return_t said;
    kern_return_t told;
  } kCodes[] = {{NETNAME_NOT_CHECKED_IN, NETNAME_NOT_CHECKED_IN},
                {NETNAME_NO_SUCH_HOST, NETNAME_HOST_NOT_FOUND},
                {MIG_BAD_ID, NETNAME_HOST_NOT_FOUND},
                {KERN_SUCCESS, NETNAME_HOST_NOT_FOUND}};  // success without a port is no answer
  for (const auto& [said, told] : kCodes) {
    const ipc::OpToken call = client_->start_look_up("b", "x");
    answer_no(b_, "x", said);
    EXPECT_EQ(client_->code_of(call), told) << said;
    expect_clean();
  }
}

TEST_F(RemoteNames, MalformedAnswersAreNoAnswersAndLeaveNothing) {
  connect_all();
  const ipc::Name port = b_.program->receive_right();
  const Item right = port_item(MACH_MSG_TYPE_MAKE_SEND, port);
  const Item once = port_item(MACH_MSG_TYPE_MAKE_SEND_ONCE, port);
  const Item code = code_item(0);
  const struct {
    mach_msg_id_t id;
    std::vector<Item> items;
  } kAnswers[] = {{1141, {}},
                  {1141, {right}},
                  {1141, {code, once}},
                  {1141, {code, port_item(MACH_MSG_TYPE_COPY_SEND, 0)}},
                  {1141, {code_item(NETNAME_NOT_YOURS), right}},
                  {1141, {code, right, right}},
                  {1140, {code, right}},
                  {1141, {right, code}},
                  {71, {}}};
  for (const auto& [id, items] : kAnswers) {
    const ipc::OpToken call = client_->start_look_up("b", "x");
    const ReplyTo to = question(b_, "x");
    // With a reply right that nobody asked for.
    const mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    EXPECT_EQ(b_.program->send(message(bits | MACH_MSGH_BITS_COMPLEX, to.name, port, id, items)),
              MACH_MSG_SUCCESS);
    EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
    expect_clean();
  }
}

TEST_F(RemoteNames, AGoodAnswerWithAStrayReplyRightIsNone) {
  connect_all();
  const ipc::Name port = b_.program->receive_right();
  const ipc::OpToken call = client_->start_look_up("b", "x");
  const mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(b_.program->send(message(bits | MACH_MSGH_BITS_COMPLEX, question(b_, "x").name, port, 1141,
                                     {code_item(0), port_item(MACH_MSG_TYPE_MAKE_SEND, port)})),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

TEST_F(RemoteNames, SilenceEndsAtTheTimeLimit) {
  connect_all();
  const ipc::OpToken call = client_->start_look_up("b", "x");
  pass(kLimit - std::chrono::milliseconds(1));
  expect_waiting(call);
  const ReplyTo late = question(b_, "x");
  pass(std::chrono::milliseconds(1));
  EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
  expect_clean();
  EXPECT_EQ(b_.program->send(look_up_reply(late, b_.port, MACH_MSG_TYPE_MAKE_SEND)), MACH_SEND_INVALID_DEST);
  expect_clean();
}

TEST_F(RemoteNames, ADroppedQuestionIsOver) {
  connect_all();
  const ipc::OpToken call = client_->start_look_up("b", "x");
  const ReplyTo to = question(b_, "x");
  EXPECT_EQ(ipc::mach_port::deallocate(b_.program->space(), to.name), KERN_SUCCESS);
  EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

// 08.10
TEST_F(RemoteNames, ThePeersDeathEndsItsQuestions) {
  connect_all();
  const ipc::OpToken asked = client_->start_look_up("b", "x");
  b_.program->die();
  EXPECT_EQ(client_->code_of(asked), NETNAME_HOST_NOT_FOUND);
  EXPECT_EQ(client_->look_up("x", "b").code, NETNAME_HOST_NOT_FOUND);  // before peer_down is told
  server_->peer_down("b");
  expect_sound();
}

TEST_F(RemoteNames, AQuestionWaitsForItsPeerUntilTheLimit) {
  const ipc::OpToken first = client_->start_look_up("b", "x");
  pass(std::chrono::seconds(3));
  connect("b", b_);
  answer_no(b_, "x");
  EXPECT_EQ(client_->code_of(first), NETNAME_NOT_CHECKED_IN);
  server_->peer_down("b");
  const ipc::OpToken second = client_->start_look_up("b", "x");
  pass(kLimit);
  EXPECT_EQ(client_->code_of(second), NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

TEST_F(RemoteNames, AnUnreachablePeerIsAnsweredAtOnceUntilItIsUp) {
  const ipc::OpToken waiting = client_->start_look_up("b", "x");
  server_->peer_unreachable("b");
  EXPECT_EQ(client_->code_of(waiting), NETNAME_HOST_NOT_FOUND);
  EXPECT_EQ(client_->look_up("x", "b").code, NETNAME_HOST_NOT_FOUND);
  connect("b", b_);
  const ipc::OpToken call = client_->start_look_up("b", "x");
  answer_no(b_, "x");
  EXPECT_EQ(client_->code_of(call), NETNAME_NOT_CHECKED_IN);
}

TEST_F(RemoteNames, AFullPeerIsWaitedForInTurn) {
  connect_all();
  ASSERT_EQ(ipc::mach_port::set_qlimit(b_.program->space(), b_.port, 1), KERN_SUCCESS);
  const auto other = program();
  const ipc::OpToken first = client_->start_look_up("b", "one");
  const ipc::OpToken second = other->start_look_up("b", "two");
  answer_no(b_, "one");
  EXPECT_EQ(client_->code_of(first), NETNAME_NOT_CHECKED_IN);
  answer_no(b_, "two");
  EXPECT_EQ(other->code_of(second), NETNAME_NOT_CHECKED_IN);
  expect_clean();
}

TEST_F(RemoteNames, AQuestionThatCannotBeSentEndsAtTheLimit) {
  connect_all();
  ASSERT_EQ(ipc::mach_port::set_qlimit(b_.program->space(), b_.port, 0), KERN_SUCCESS);
  const ipc::OpToken call = client_->start_look_up("b", "x");
  pass(kLimit);
  EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

TEST_F(RemoteNames, UnknownHostsAreResolved) {
  connect_all();
  ipc::OpToken call = client_->start_look_up("cee.example", "x");
  ASSERT_EQ(resolver_.asked.size(), 1U);
  EXPECT_EQ(resolver_.asked[0].first, "cee.example");
  resolver_.answer({"192.0.2.9", "10.0.0.3"});
  answer_no(c_, "x");
  EXPECT_EQ(client_->code_of(call), NETNAME_NOT_CHECKED_IN);

  call = client_->start_look_up("alias.example", "NM_ACTIVE");
  resolver_.answer({"10.0.0.1"});
  EXPECT_EQ(client_->reply(call).port, client_->server());

  for (const std::vector<std::string>& addresses : {std::vector<std::string>{}, {"192.0.2.9"}}) {
    call = client_->start_look_up("nowhere.example", "x");
    resolver_.answer(addresses);
    EXPECT_EQ(client_->code_of(call), NETNAME_NO_SUCH_HOST);
  }
  EXPECT_EQ(client_->look_up("x", "0xnonsense").code, NETNAME_NO_SUCH_HOST);
  expect_clean();
}

// 08.11
TEST_F(RemoteNames, EverybodyIsAskedAndTheFirstPortWins) {
  connect_all();
  const ipc::OpToken call = client_->start_look_up("*", "x");
  answer_no(c_, "x");
  expect_waiting(call);
  const ReplyTo late = question(b_, "x");
  answer_port(d_, "x", d_.program->receive_right());
  EXPECT_EQ(client_->code_of(call), KERN_SUCCESS);
  expect_clean();
  EXPECT_EQ(b_.program->send(look_up_reply(late, b_.port, MACH_MSG_TYPE_MAKE_SEND)), MACH_SEND_INVALID_DEST);
  expect_clean();
}

// 08.11
TEST_F(RemoteNames, EverybodySaysNoAndItEndsEarly) {
  connect_all();
  const ipc::OpToken call = client_->start_look_up("*", "x");
  answer_no(b_, "x");
  answer_no(c_, "x");
  expect_waiting(call);
  answer_no(d_, "x");
  EXPECT_EQ(client_->code_of(call), NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

TEST_F(RemoteNames, EverybodyIncludesThoseWhoConnectMeanwhile) {
  connect("b", b_);
  server_->peer_unreachable("d");
  const ipc::OpToken call = client_->start_look_up("*", "x");
  answer_no(b_, "x");
  connect("c", c_);
  answer_port(c_, "x", c_.program->receive_right());
  EXPECT_EQ(client_->code_of(call), KERN_SUCCESS);
}

// 08.9
TEST_F(RemoteNames, TheLocalTableComesFirst) {
  connect_all();
  const ipc::Name port = client_->receive_right();
  ASSERT_EQ(client_->check_in("x", kSelf, port), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("x", "*").port, port);
  EXPECT_FALSE(b_.program->poll(b_.port));
}

// 08.12
TEST_F(RemoteNames, NobodyWaitsForALookUpThatWaits) {
  connect_all();
  const auto other = program();
  const ipc::Name port = other->receive_right();
  ASSERT_EQ(other->check_in("local", kSelf, port), KERN_SUCCESS);
  const ipc::OpToken call = client_->start_look_up("*", "x");
  EXPECT_EQ(other->look_up("local").port, port);
  expect_waiting(call);
  EXPECT_EQ(other->check_out("local", kSelf), KERN_SUCCESS);
}

// 08.12
TEST_F(RemoteNames, TheResultOfADeadCallerIsDropped) {
  connect_all();
  client_->start_look_up("*", "x");
  client_->die();
  answer_port(b_, "x", b_.program->receive_right());
  expect_clean();
}

TEST_F(RemoteNames, ThereIsALimitOfWaitingLookUps) {
  connect_all();
  std::vector<std::unique_ptr<Client>> programs;
  for (std::size_t i = 0; i < RemoteLookUps::kPendingMax; ++i) {
    programs.push_back(program());
    programs.back()->start_look_up("b", "x");
  }
  EXPECT_EQ(client_->look_up("x", "b").code, KERN_RESOURCE_SHORTAGE);
  pass(kLimit);
  programs.clear();
  expect_clean();
}

TEST_F(RemoteNames, WhatIsKnownAboutAPeerMayChangeInAnyOrder) {
  server_->peer_down("b");
  server_->peer_up("nobody", "nobody", b_.program->send_right(b_.port));
  connect("b", b_);
  connect("b", c_);  // a new session without word of the old one's end
  const ipc::OpToken call = client_->start_look_up("b", "x");
  answer_no(c_, "x");
  EXPECT_EQ(client_->code_of(call), NETNAME_NOT_CHECKED_IN);
  server_->peer_unreachable("b");
  server_->peer_unreachable("b");
  server_->peer_down("b");
  expect_clean();
}

// --- two name services: what one asks, the other one answers on its network port ---

class TwoServers : public World {
 protected:
  TwoServers()
      : World({{"b", {}}}),
        b_(engine_, account_, Options{"netmsgd b", {"b"}, {{"a", {}}}, kLimit}, nullptr),
        client_(program()),
        of_b_(std::make_unique<Client>(engine_, account_)) {
    of_b_->use_server(b_.local_port());
    server_->peer_up("b", "b", b_.network_port());
    b_.peer_up("a", "a", server_->network_port());
    remote_ = std::make_unique<Client>(engine_, account_);
    remote_->use_server(b_.network_port());
    names_at_start_ = server_names();
  }

  NameServer b_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Client> of_b_;
  std::unique_ptr<Client> remote_;  // holds a right to b's network port, as another host does
};

// 08.10
TEST_F(TwoServers, ANameOfTheOtherHostIsFound) {
  const ipc::Name port = of_b_->receive_right();
  EXPECT_EQ(client_->look_up("service", "b").code, NETNAME_NOT_CHECKED_IN);
  ASSERT_EQ(of_b_->check_in("Service", kSelf, port), KERN_SUCCESS);
  const Client::Reply named = client_->look_up("service", "b");
  EXPECT_EQ(named.code, KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("service", "*").port, named.port);
  EXPECT_EQ(client_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
  of_b_->die();
  EXPECT_EQ(client_->type(named.port), static_cast<mach_port_type_t>(MACH_PORT_TYPE_DEAD_NAME));
  EXPECT_EQ(client_->look_up("service", "*").code, NETNAME_HOST_NOT_FOUND);
  expect_clean();
}

TEST_F(TwoServers, AQuestionFromAnotherHostIsNotAskedOn) {
  const ipc::Name port = client_->receive_right();
  ASSERT_EQ(client_->check_in("service", kSelf, port), KERN_SUCCESS);
  EXPECT_EQ(remote_->look_up("service", "*").code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(remote_->look_up("service", "a").code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(remote_->look_up("service", "nowhere").code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(b_.pending(), 0U);
}

TEST_F(TwoServers, AnotherHostCannotCheckInOrOut) {
  const ipc::Name port = remote_->receive_right();
  EXPECT_EQ(remote_->check_in("service", kSelf, port), MIG_BAD_ID);
  EXPECT_EQ(remote_->check_out("NameServer", kSelf), MIG_BAD_ID);
  EXPECT_EQ(remote_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(remote_->code_of(remote_->start_call(kVersionId, {}, false)), KERN_SUCCESS);
}

TEST_F(TwoServers, ForAnotherHostTheServerIsItsNetworkPort) {
  EXPECT_EQ(remote_->look_up("NameServer").port, remote_->server());
  const Client::Reply found = client_->look_up("NM_ACTIVE", "b");
  EXPECT_EQ(found.code, KERN_SUCCESS);
  EXPECT_NE(found.port, client_->server());
}

// --- networking off ---

class Alone : public World {
 protected:
  Alone() : World({}), client_(program()) {}
  std::unique_ptr<Client> client_;
};

// 08.11
TEST_F(Alone, WhatIsNotHereIsNotCheckedIn) {
  for (const char* host : {"*", "b", "10.0.0.2", "0xbad", ""}) {
    EXPECT_EQ(client_->look_up("absent", host).code, NETNAME_NOT_CHECKED_IN) << host;
  }
  EXPECT_EQ(client_->look_up("NameServer", "*").port, client_->server());
  EXPECT_TRUE(resolver_.asked.empty());
  expect_clean();
}

}  // namespace
}  // namespace netmsg::names
