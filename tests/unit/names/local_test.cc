// SPDX-License-Identifier: Apache-2.0
// The name service of one host (spec 08 §4, cases 08.1 to 08.9 and 08.15), by messages of a program.
#include <mach/notify.h>

#include "daemon/names/hosts.h"
#include "tests/unit/names/world.h"

namespace netmsg::names {
namespace {

constexpr ipc::Name kSelf = ipc::kTaskSelfName;

class LocalNames : public World {
 protected:
  LocalNames() : client_(program()), port_(client_->receive_right()) {}
  ~LocalNames() override { client_.reset(); }

  std::unique_ptr<Client> client_;
  ipc::Name port_;
};

// 08.1
TEST_F(LocalNames, CheckInLookUpCheckOutLookUp) {
  EXPECT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  const Client::Reply found = client_->look_up("service");
  EXPECT_EQ(found.code, KERN_SUCCESS);
  EXPECT_EQ(found.port, port_);
  EXPECT_EQ(client_->check_out("service", kSelf), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(client_->check_out("service", kSelf), NETNAME_NOT_CHECKED_IN);
  expect_clean();
}

// 08.1
TEST_F(LocalNames, AnswersHaveTheirSizesAndIds) {
  const Client::Reply failed = client_->look_up("absent");
  EXPECT_EQ(failed.size, kCodeReplySize);
  EXPECT_EQ(failed.id, kLookUpId + 100);
  client_->check_in("service", kSelf, port_);
  EXPECT_EQ(client_->look_up("service").size, kLookUpReplySize);
  const auto version = client_->result(client_->start_call(kVersionId, {}, false));
  ASSERT_EQ(version->bytes.size(), kVersionReplySize);
  EXPECT_STREQ(reinterpret_cast<const char*>(version->bytes.data() + 56), "netmsgd test");
  EXPECT_EQ(int_at(version->bytes, 28), kVersionId + 100);
}

// 08.1
TEST_F(LocalNames, AnotherSignatureIsRefusedAndChangesNothing) {
  const auto other = program();
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(other->check_in("service", kSelf, other->receive_right()), NETNAME_NOT_YOURS);
  EXPECT_EQ(other->check_out("service", kSelf), NETNAME_NOT_YOURS);
  EXPECT_EQ(other->check_out("service", MACH_PORT_NULL), NETNAME_NOT_YOURS);
  EXPECT_EQ(client_->look_up("service").port, port_);
  expect_sound();
}

// 08.2
TEST_F(LocalNames, NamesIgnoreCaseAndEndAtSeventyNine) {
  const std::string longest(79, 'x');
  ASSERT_EQ(client_->check_in("Service", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("sERVICE").code, KERN_SUCCESS);
  ASSERT_EQ(client_->check_in(longest + "tail", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up(longest).code, KERN_SUCCESS);
  EXPECT_EQ(client_->look_up(longest + "other tail").code, KERN_SUCCESS);
  EXPECT_EQ(client_->look_up(longest.substr(1)).code, NETNAME_NOT_CHECKED_IN);
  EXPECT_EQ(client_->check_in("", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("").port, port_);
}

// 08.3
TEST_F(LocalNames, TheSameSignatureReplacesAndTheOldPortIsGivenUp) {
  const ipc::Name newer = client_->receive_right();
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  const ipc::Name notify = client_->receive_right();
  ASSERT_TRUE(ipc::mach_port::request_notification(client_->space(), client_->space(), port_,
                                                   MACH_NOTIFY_NO_SENDERS, 0, notify,
                                                   MACH_MSG_TYPE_MAKE_SEND_ONCE)
                  .ok());
  EXPECT_FALSE(client_->poll(notify));  // 08 §4.9: a checked-in port has a sender
  EXPECT_EQ(client_->check_in("service", kSelf, newer), KERN_SUCCESS);
  const auto no_senders = client_->poll(notify);
  ASSERT_TRUE(no_senders);
  EXPECT_EQ(int_at(*no_senders, 28), MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(client_->look_up("service").port, newer);
  EXPECT_EQ(client_->check_out("service", kSelf), KERN_SUCCESS);
  expect_clean();
}

TEST_F(LocalNames, CheckingInTheSameAgainChangesNothing) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(client_->check_in("second", port_, port_),
            MACH_SEND_INVALID_RIGHT);  // no send right to copy as signature
  EXPECT_EQ(client_->check_out("service", kSelf), KERN_SUCCESS);
  expect_clean();
}

// 08.4
TEST_F(LocalNames, WithoutASignatureAnybodyMayCheckOut) {
  const auto other = program();
  ASSERT_EQ(client_->check_in("open", MACH_PORT_NULL, port_), KERN_SUCCESS);
  EXPECT_EQ(other->check_out("open", kSelf), NETNAME_NOT_YOURS);
  EXPECT_EQ(other->check_in("open", MACH_PORT_NULL, other->receive_right()), KERN_SUCCESS);
  EXPECT_EQ(other->check_out("open", MACH_PORT_NULL), KERN_SUCCESS);
  expect_clean();
}

// 08.5
TEST_F(LocalNames, NullAndDeadPortsAreInvalid) {
  EXPECT_EQ(client_->check_in("service", kSelf, MACH_PORT_NULL), NETNAME_INVALID_PORT);
  EXPECT_EQ(client_->check_in("service", kSelf, ipc::kDeadName), NETNAME_INVALID_PORT);
  EXPECT_EQ(client_->check_in("service", ipc::kDeadName, port_), NETNAME_INVALID_PORT);
  EXPECT_EQ(client_->check_out("service", ipc::kDeadName), NETNAME_INVALID_PORT);
  EXPECT_EQ(client_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
  expect_clean();
}

// 08.5
TEST_F(LocalNames, OnlyTheReceiverCanCheckAPortIn) {
  const ipc::Name foreign = client_->take(server_->local_port());
  EXPECT_EQ(client_->check_in("service", kSelf, foreign), MACH_SEND_INVALID_RIGHT);
  EXPECT_EQ(client_->check_in("service", kSelf, 99999), MACH_SEND_INVALID_RIGHT);
  expect_clean();
}

// 08.6
TEST_F(LocalNames, AnEntryEndsWithItsOwner) {
  auto owner = program();
  const auto held = program();
  const ipc::Name port = held->receive_right();
  // The port stays alive elsewhere: only the signature dies.
  const ipc::Name copy = owner->take(held->send_right(port));
  ASSERT_EQ(
      owner->code_of(owner->start_call(kCheckInId,
                                       {string_item("service"), port_item(MACH_MSG_TYPE_COPY_SEND, kSelf),
                                        port_item(MACH_MSG_TYPE_COPY_SEND, copy)},
                                       true)),
      KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("service").code, KERN_SUCCESS);
  owner->die();
  EXPECT_EQ(server_->rows().size(), 4U);  // at once, without a look-up in between
  EXPECT_EQ(client_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
  expect_clean();
}

// 08.7
TEST_F(LocalNames, AnEntryEndsWithItsPortAndTheNameIsFree) {
  const auto other = program();
  const ipc::Name theirs = other->receive_right();
  ASSERT_EQ(client_->check_in("one", kSelf, port_), KERN_SUCCESS);
  ASSERT_EQ(client_->check_in("two", kSelf, port_), KERN_SUCCESS);
  client_->destroy(port_);
  EXPECT_EQ(server_->rows().size(), 4U);
  EXPECT_EQ(other->check_in("one", kSelf, theirs), KERN_SUCCESS);
  EXPECT_EQ(other->check_out("one", kSelf), KERN_SUCCESS);
  expect_clean();
}

// 08.8
TEST_F(LocalNames, RepeatedLookUpsGiveOneNameWithMoreReferences) {
  const auto other = program();
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  const ipc::Name name = other->look_up("service").port;
  EXPECT_EQ(other->look_up("service").port, name);
  EXPECT_EQ(other->look_up("service").port, name);
  EXPECT_EQ(other->send_refs(name), 3U);
  EXPECT_EQ(client_->look_up("service").port, port_);
  EXPECT_EQ(client_->type(port_), static_cast<mach_port_type_t>(MACH_PORT_TYPE_SEND_RECEIVE));
}

// 08.9
TEST_F(LocalNames, EveryNameOfThisHostIsLocal) {
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  for (const char* host :
       {"", "here", "HERE", "Here.Example", "10.0.0.1", "0x0a000001", "::ffff:10.0.0.1", "*"}) {
    EXPECT_EQ(client_->look_up("service", host).port, port_) << host;
  }
  EXPECT_EQ(server_->pending(), 0U);
  EXPECT_TRUE(resolver_.asked.empty());
  EXPECT_EQ(client_->look_up("absent", "HERE").code, NETNAME_NOT_CHECKED_IN);
}

// 08.15
TEST_F(LocalNames, TheServerIsCheckedInUnderItsFourNames) {
  for (const char* name : {"NameServer", "nm_active", "NMMonitor", "NMControl"}) {
    EXPECT_EQ(client_->look_up(name).port, client_->server()) << name;
    EXPECT_EQ(client_->check_out(name, kSelf), NETNAME_NOT_YOURS);
    EXPECT_EQ(client_->check_in(name, MACH_PORT_NULL, port_), NETNAME_NOT_YOURS);
  }
}

TEST_F(LocalNames, ThePortsOfTheServerItselfCanBeCheckedInAndOut) {
  const std::vector<Item> items = {string_item("mine"), port_item(MACH_MSG_TYPE_COPY_SEND, client_->server()),
                                   port_item(MACH_MSG_TYPE_COPY_SEND, client_->server())};
  EXPECT_EQ(client_->code_of(client_->start_call(kCheckInId, items, true)), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("mine").port, client_->server());
  EXPECT_EQ(client_->check_out("mine", client_->server()), KERN_SUCCESS);
  EXPECT_EQ(client_->look_up("NameServer").port, client_->server());
  expect_clean();
}

TEST_F(LocalNames, ARequestWithoutReplyRightIsServedInSilence) {
  const auto send_bare = [this](mach_msg_id_t id, const std::vector<Item>& items, mach_msg_bits_t complex) {
    return client_->send(
        message(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0) | complex, client_->server(), 0, id, items));
  };
  EXPECT_EQ(send_bare(kCheckInId,
                      {string_item("quiet"), port_item(MACH_MSG_TYPE_COPY_SEND, kSelf),
                       port_item(MACH_MSG_TYPE_MAKE_SEND, port_)},
                      MACH_MSGH_BITS_COMPLEX),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(client_->look_up("quiet").port, port_);
  EXPECT_EQ(send_bare(kLookUpId, {string_item(""), string_item("quiet")}, 0), MACH_MSG_SUCCESS);
  EXPECT_EQ(send_bare(4711, {}, 0), MACH_MSG_SUCCESS);
  EXPECT_EQ(client_->check_out("quiet", kSelf), KERN_SUCCESS);
  expect_clean();
}

TEST_F(LocalNames, AnAnswerThatCannotBeTakenIsDroppedWithItsRights) {
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  const ipc::Name full = client_->receive_right();
  ASSERT_EQ(ipc::mach_port::set_qlimit(client_->space(), full, 0), KERN_SUCCESS);
  const mach_msg_bits_t bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
  EXPECT_EQ(client_->send(
                message(bits, client_->server(), full, kLookUpId, {string_item(""), string_item("service")})),
            MACH_MSG_SUCCESS);
  EXPECT_FALSE(client_->poll(full));
  EXPECT_EQ(client_->check_out("service", kSelf), KERN_SUCCESS);
  expect_clean();
}

// --- malformed requests: an answer for the sender, nothing kept, everybody else unharmed ---

class MalformedRequests : public LocalNames {
 protected:
  kern_return_t answer(mach_msg_id_t id, const std::vector<Item>& items, bool complex) {
    const kern_return_t code = client_->code_of(client_->start_call(id, items, complex));
    expect_clean();
    return code;
  }
  Item signature() { return port_item(MACH_MSG_TYPE_COPY_SEND, kSelf); }
  Item port() { return port_item(MACH_MSG_TYPE_MAKE_SEND, port_); }
};

TEST_F(MalformedRequests, UnknownIds) {
  for (const mach_msg_id_t id : {0, 71, 1039, 1044, 1140, 2147483647, -1}) {
    EXPECT_EQ(answer(id, {}, false), MIG_BAD_ID);
    EXPECT_EQ(answer(id, {signature(), port()}, true), MIG_BAD_ID);
  }
}

TEST_F(MalformedRequests, WrongSizes) {
  EXPECT_EQ(answer(kCheckInId, {string_item("x"), signature()}, true), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kCheckInId, {string_item("x"), signature(), port(), port()}, true), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kCheckInId, {}, false), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kLookUpId, {string_item("x")}, false), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kCheckOutId, {string_item("x")}, false), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kVersionId, {string_item("x")}, false), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kVersionId, std::vector<Item>(100, string_item("x")), false), MIG_BAD_ARGUMENTS);
}

TEST_F(MalformedRequests, WrongComplexBit) {
  EXPECT_EQ(answer(kCheckInId, {string_item("x"), signature(), port()}, false), MIG_BAD_ARGUMENTS);
  EXPECT_EQ(answer(kCheckOutId, {string_item("x"), signature()}, false), MIG_BAD_ARGUMENTS);
  // Of the right size, and with a right: 32 + 88 + 72 + 16.
  Item filler = string_item("");
  filler.type = item_type(MACH_MSG_TYPE_CHAR, 8, true, 64);
  filler.data.resize(64);
  EXPECT_EQ(answer(kLookUpId, {string_item("x"), filler, port()}, true), MIG_BAD_ARGUMENTS);
}

TEST_F(MalformedRequests, WrongDescriptors) {
  Item short_form = string_item("x");
  short_form.type = item_type(MACH_MSG_TYPE_STRING, 640, false);
  Item characters = string_item("x");
  characters.type = item_type(MACH_MSG_TYPE_CHAR, 8, true, 80);
  for (const Item& name : {short_form, characters}) {
    EXPECT_EQ(answer(kCheckInId, {name, signature(), port()}, true), MIG_BAD_ARGUMENTS);
    EXPECT_EQ(answer(kLookUpId, {name, string_item("x")}, false), MIG_BAD_ARGUMENTS);
    EXPECT_EQ(answer(kLookUpId, {string_item("x"), name}, false), MIG_BAD_ARGUMENTS);
    EXPECT_EQ(answer(kCheckOutId, {name, signature()}, true), MIG_BAD_ARGUMENTS);
  }
  EXPECT_EQ(answer(kCheckOutId, {string_item("x"), port_item(MACH_MSG_TYPE_MAKE_SEND_ONCE, port_)}, true),
            MIG_BAD_ARGUMENTS);
  EXPECT_EQ(
      answer(kCheckInId, {string_item("x"), port_item(MACH_MSG_TYPE_MAKE_SEND_ONCE, port_), port()}, true),
      MIG_BAD_ARGUMENTS);
}

TEST_F(MalformedRequests, AReceiveRightDiesWithTheRequest) {
  const ipc::Name doomed = client_->receive_right();
  EXPECT_EQ(answer(kCheckOutId, {string_item("x"), port_item(MACH_MSG_TYPE_MOVE_RECEIVE, doomed)}, true),
            MIG_BAD_ARGUMENTS);
  EXPECT_EQ(client_->type(doomed), 0U);
}

TEST_F(MalformedRequests, TheReceiveRightOfARegisteredPortEndsItsEntry) {
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  EXPECT_EQ(answer(kCheckOutId, {string_item("x"), port_item(MACH_MSG_TYPE_MOVE_RECEIVE, port_)}, true),
            MIG_BAD_ARGUMENTS);
  EXPECT_EQ(client_->look_up("service").code, NETNAME_NOT_CHECKED_IN);
}

TEST_F(MalformedRequests, ManyRightsAtOnce) {
  Item many = port();
  many.type = item_type(MACH_MSG_TYPE_MAKE_SEND_ONCE, 64, false, 300);
  many.data.clear();
  for (int i = 0; i < 300; ++i) {
    const Item one = port();
    many.data.insert(many.data.end(), one.data.begin(), one.data.end());
  }
  EXPECT_EQ(answer(kCheckInId, {many}, true), MIG_BAD_ARGUMENTS);
}

// Nothing here is told of them, so nobody would ever give them up.
TEST_F(MalformedRequests, ArraysOfRights) {
  const ipc::Name doomed = client_->receive_right();
  EXPECT_EQ(answer(kCheckInId,
                   {port(), array_item(MACH_MSG_TYPE_MAKE_SEND_ONCE, std::vector<ipc::Name>(300, port_)),
                    array_item(MACH_MSG_TYPE_MAKE_SEND, {port_, ipc::kNullName, port_, ipc::kDeadName}),
                    array_item(MACH_MSG_TYPE_MOVE_RECEIVE, {doomed})},
                   true),
            MIG_BAD_ARGUMENTS);
  EXPECT_EQ(client_->type(doomed), 0U);
  EXPECT_EQ(answer(1039, {array_item(MACH_MSG_TYPE_MAKE_SEND, {port_})}, true), MIG_BAD_ID);
}

// A forged notification is a request with an unknown id: the notifications' port is another one (09 §4).
TEST_F(MalformedRequests, AForgedDeadNameChangesNothing) {
  ASSERT_EQ(client_->check_in("service", kSelf, port_), KERN_SUCCESS);
  for (std::int32_t guess = 1; guess < 64; ++guess) {
    Item name{item_type(MACH_MSG_TYPE_PORT_NAME, 32, false), ipc::Bytes(8)};
    std::memcpy(name.data.data(), &guess, sizeof(guess));
    EXPECT_EQ(client_->code_of(client_->start_call(MACH_NOTIFY_DEAD_NAME, {name}, false)), MIG_BAD_ID);
  }
  EXPECT_EQ(client_->look_up("service").port, port_);
}

// --- who is meant by a host_name ---

TEST(Hosts, HaveOneSpelling) {
  const char* const kSpellings[][2] = {{"Name", "name"},
                                       {"127.0.0.1", "127.0.0.1"},
                                       {"0x7F000001", "127.0.0.1"},
                                       {"0x1", "0.0.0.1"},
                                       {"0x123456789", ""},
                                       {"0x", ""},
                                       {"0xg", ""},
                                       {"FE80:0:0::1", "fe80::1"},
                                       {"::ffff:1.2.3.4", "1.2.3.4"},
                                       {"", ""}};
  for (const auto& [host, spelling] : kSpellings) EXPECT_EQ(canonical_host(host), spelling) << host;
}

TEST(Hosts, ADisplayNameNeverTakesAnothersName) {
  Hosts hosts({"here"}, {{"b", {"10.0.0.2"}}, {"c", {}}});
  hosts.set_display_name(0, "C");
  EXPECT_EQ(hosts.find("c").peer, 1U);
  hosts.set_display_name(0, "HERE");
  EXPECT_EQ(hosts.find("here").kind, Hosts::Kind::kHere);
  hosts.set_display_name(0, "Bee");
  EXPECT_EQ(hosts.find("bee").kind, Hosts::Kind::kPeer);
  hosts.set_display_name(1, "bee");
  EXPECT_EQ(hosts.find("bee").peer, 0U);
  EXPECT_EQ(hosts.find("b").peer, 0U);
  EXPECT_EQ(hosts.find("e").kind, Hosts::Kind::kUnknown);
  EXPECT_EQ(hosts.find("**").kind, Hosts::Kind::kUnknown);
}

}  // namespace
}  // namespace netmsg::names
