// SPDX-License-Identifier: Apache-2.0
#include "proxy/translate.h"

#include <gtest/gtest.h>

#include "daemon/ipc/port.h"
#include "proxy/wire.h"
#include "tests/support/engine_world.h"

namespace netmsg::proxy {
namespace {

using ipc::CarriedRight;
using ipc::ReceiveRight;
using ipc::RightType;
using ipc::SendOnceRight;
using ipc::SendRight;

// Takes what is sent to proxies: there is no session here.
class Sink final : public ipc::RemoteLink {
 public:
  bool can_carry(const ipc::Port&, const ipc::Port&, RightType, std::uint32_t) const override { return true; }
  CarryLimits carry_limits(const ipc::Port&) const override { return {1U << 20, 1000}; }
  void forward(ipc::MessagePtr message) override { message->destination.consume(); }
  void hold(ipc::MessagePtr) override {}
  void unreferenced(ipc::Port&) override {}
  void room_changed(ipc::Port&) override {}
  void died(ipc::Port&) override {}
  void left_queue(std::uint64_t) override {}
  void end_of_event() override {}
  void for_each_right(const RightVisitor&) const override {}
};

Origin origin_of(unsigned char byte) {
  Origin origin;
  origin.node.bytes.fill(byte);
  origin.incarnation = 1;
  return origin;
}

// One host's engine and its tables for the other one.
struct Side {
  Side(unsigned char us, unsigned char them)
      : registry(origin_of(us)), tables(world.engine, registry, origin_of(them), 0) {
    world.engine.set_link(&sink);
  }
  ~Side() {
    const ipc::Event event(world.engine);
    tables.drop_all(0);
  }

  // A port of ours.
  PortUid at(Serial serial) const { return {registry.us(), serial}; }

  ReceiveRight make_port() {
    const ipc::Event event(world.engine);
    ReceiveRight made = ipc::Port::create(world.engine.core(), {});
    made.port()->settle_kernel({});
    return made;
  }

  Sink sink;
  test::World world;
  Registry registry;
  Tables tables;
  ipc::Account account{ipc::Account::Limits{}};
  PeerLimits limits;
  test::Task& task = world.task();
  ipc::Port* const port = world.engine.copy_send(task.space(), task.port()).value().port();
};

class Translate : public testing::Test {
 protected:
  // `here` has a proxy for there's port, with one unit.
  void link(Side& here, Side& there) {
    const ipc::Event event(there.world.engine);
    const ipc::Event other(here.world.engine);
    const PortUid port = there.tables.exports.grant(SendRight::mint(*there.port));
    here.tables.holders.obtain(port, 5).received += 1;
  }
  Translate() { link(near, far); }

  ipc::Port& proxy() { return near.tables.holders.find(far.at(1))->port(); }

  ipc::MessagePtr message(RightType destination = RightType::kSend) {
    ipc::MessagePtr made = near.world.engine.new_message(near.account, ipc::Bytes(48));
    made->id = 42;
    made->other_bits = 0x01230000;
    made->bytes[40] = std::byte{9};
    if (destination == RightType::kSend) {
      made->destination = CarriedRight(SendRight::mint(proxy()));
    } else {
      made->destination = CarriedRight(SendOnceRight::mint(proxy()));
    }
    return made;
  }

  // Out of near, over the wire as bytes, into far.
  Arrival carry(ipc::MessagePtr sent) {
    const ipc::Event event(near.world.engine);
    const ipc::Event other(far.world.engine);
    v1::Message out;
    std::vector<Introducing> introducing;
    EXPECT_EQ(translate_out(near.tables, {1U << 20, 100}, 3, *sent, out, introducing), Egress::kDone);
    EXPECT_EQ(sent->reply.port(), nullptr) << "the message carries nothing any more";
    sent.reset();
    v1::Message in;
    EXPECT_TRUE(in.ParseFromString(out.SerializeAsString()));
    Arrival arrival;
    const Check fault = translate_in(far.tables, far.world.engine, far.account, far.limits, in, {}, arrival);
    EXPECT_FALSE(fault.has_value()) << fault->text;
    return arrival;
  }

  // Takes apart what arrived, inside an event.
  void drop(Arrival& arrival) {
    const ipc::Event event(far.world.engine);
    arrival.message.reset();
  }

  Side near{1, 2};
  Side far{2, 1};
};

TEST_F(Translate, BytesAndBitsArriveAsTheyWere) {
  Arrival arrival = carry(message());
  ASSERT_TRUE(arrival.deliverable);
  EXPECT_EQ(arrival.message->id, 42);
  EXPECT_EQ(arrival.message->other_bits, 0x01230000U);
  EXPECT_EQ(arrival.message->size(), 48U);
  EXPECT_EQ(arrival.message->bytes[40], std::byte{9});
  EXPECT_EQ(arrival.message->destination.port(), far.port);
  EXPECT_EQ(arrival.message->destination.type(), RightType::kSend);
  drop(arrival);
}

// Data and an array of rights: the bytes arrive, the rights know their places.
TEST_F(Translate, MemoryAndArraysArriveInTheirPlaces) {
  ipc::MessagePtr sent = message();
  test::Outgoing shape;
  test::Item data = test::memory(test::Bytes(3), 7);
  test::Item array = test::array(MACH_MSG_TYPE_PORT_SEND, {0, 0});
  data.descriptor.msgt_deallocate = array.descriptor.msgt_deallocate = 1;
  shape.items = {data, array};
  sent->bytes = shape.encode();
  sent->other_bits = MACH_MSGH_BITS_COMPLEX;
  sent->regions.push_back({40, 0, ipc::MemoryRef::of({std::byte{1}, std::byte{2}, std::byte{3}})});
  sent->regions.push_back({56, 2, {}});
  {
    const ipc::Event event(near.world.engine);
    sent->body.push_back({0, CarriedRight(SendRight::mint(*near.port)), 1});
    sent->body.push_back({4, CarriedRight::dead(RightType::kSend), 1});
  }
  Arrival arrival = carry(std::move(sent));
  ASSERT_TRUE(arrival.deliverable);
  const ipc::Message& got = *arrival.message;
  ASSERT_EQ(got.regions.size(), 2U);
  EXPECT_EQ(got.regions[0].slot, 40U);
  EXPECT_EQ(got.regions[1].rights, 2U);
  ipc::Bytes bytes(3);
  got.regions[0].memory.read_here(0, bytes);
  EXPECT_EQ(bytes[2], std::byte{3});
  EXPECT_EQ(got.bytes[40], std::byte{7}) << "the offset within the page";
  ASSERT_EQ(got.body.size(), 2U);
  EXPECT_EQ(got.body[0].region, 1U);
  EXPECT_TRUE(got.body[0].right.port()->remote());
  EXPECT_EQ(got.body[1].offset, 4U);
  EXPECT_TRUE(got.body[1].right.is_dead());
  EXPECT_GE(far.account.bytes_used(), 72U + 3U);
  drop(arrival);
}

// What the kernel cannot give.
class Unreadable final : public ipc::MemoryObject {
 public:
  std::uint64_t length() const override { return 3; }
  bool is_here() const override { return false; }
  bool read(std::uint64_t, std::span<std::byte>) const override { return false; }
};

TEST_F(Translate, MemoryThatCannotBeReadIsRefusedAndNothingChanges) {
  ipc::MessagePtr sent = message();
  sent->regions.push_back({40, 0, ipc::MemoryRef(std::make_shared<const Unreadable>())});
  const ipc::Event event(near.world.engine);
  const std::uint64_t before = near.tables.exports.digest();
  v1::Message out;
  std::vector<Introducing> introducing;
  EXPECT_EQ(translate_out(near.tables, {1U << 20, 100}, 3, *sent, out, introducing), Egress::kRefused);
  EXPECT_NE(sent->destination.port(), nullptr);
  EXPECT_EQ(near.tables.exports.digest(), before);
  sent.reset();
}

TEST_F(Translate, NullAndDeadKeepTheirTypes) {
  for (const RightType type : {RightType::kSend, RightType::kSendOnce}) {
    ipc::MessagePtr sent = message();
    sent->reply = CarriedRight::dead(type);
    Arrival arrival = carry(std::move(sent));
    EXPECT_TRUE(arrival.message->reply.is_dead());
    EXPECT_EQ(arrival.message->reply.type(), type);
    drop(arrival);
    sent = message();
    sent->reply = CarriedRight::null(type);
    arrival = carry(std::move(sent));
    EXPECT_TRUE(arrival.message->reply.is_null());
    EXPECT_EQ(arrival.message->reply.type(), type);
    drop(arrival);
  }
  Arrival arrival = carry(message());
  EXPECT_EQ(arrival.message->reply.type(), RightType::kNone);
  drop(arrival);
}

TEST_F(Translate, ASendRightOfOursIsAUnitThereAndAProxy) {
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendRight::mint(*near.port));
  Arrival arrival = carry(std::move(sent));
  EXPECT_EQ(near.port->srights(), 1U) << "the unit";
  EXPECT_TRUE(near.tables.exports.has_send_units(near.at(1)));
  ipc::Port& there = *arrival.message->reply.port();
  EXPECT_TRUE(there.remote());
  EXPECT_EQ(far.tables.holders.find(near.at(1))->received, 1U);
  EXPECT_EQ(&far.tables.holders.find(near.at(1))->port(), &there);
  ASSERT_EQ(arrival.rooms.size(), 1U);
  EXPECT_EQ(arrival.rooms[0].room, 5U);
  drop(arrival);
}

TEST_F(Translate, TwoSendRightsOfOnePortAreTwoUnitsAndOneProxy) {
  for (unsigned units = 1; units <= 2; ++units) {
    ipc::MessagePtr sent = message();
    sent->reply = CarriedRight(SendRight::mint(*near.port));
    Arrival arrival = carry(std::move(sent));
    EXPECT_EQ(far.tables.holders.find(near.at(1))->received, units);
    EXPECT_EQ(near.port->srights(), 1U) << "one right stands for all units";
    drop(arrival);
  }
  EXPECT_EQ(far.tables.holders.size(), 1U);
}

TEST_F(Translate, ASendOnceRightOfOursIsOneUnitEach) {
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendOnceRight::mint(*near.port));
  Arrival arrival = carry(std::move(sent));
  EXPECT_EQ(near.tables.exports.send_once_units(), 1U);
  EXPECT_EQ(near.port->sorights(), 1U);
  EXPECT_EQ(arrival.message->reply.type(), RightType::kSendOnce);
  EXPECT_EQ(far.tables.holders.find(near.at(1))->received, 0U) << "send-once units are not counted there";
  EXPECT_EQ(far.tables.holders.find(near.at(1))->port().sorights(), 1U);
  drop(arrival);
}

TEST_F(Translate, ASendRightOfTheirsComesHomeAndNoCountChanges) {
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendRight::mint(proxy()));
  Arrival arrival = carry(std::move(sent));
  EXPECT_EQ(arrival.message->reply.port(), far.port);
  EXPECT_EQ(arrival.message->reply.type(), RightType::kSend);
  EXPECT_EQ(near.tables.holders.find(far.at(1))->received, 1U);
  EXPECT_TRUE(far.tables.exports.has_send_units(far.at(1)));
  EXPECT_EQ(proxy().srights(), 0U);
  drop(arrival);
}

TEST_F(Translate, ASendOnceRightOfTheirsComesHomeAndIsUsedUp) {
  {
    const ipc::Event event(far.world.engine);
    far.tables.exports.grant_once(SendOnceRight::mint(*far.port));
  }
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendOnceRight::mint(proxy()));
  Arrival arrival = carry(std::move(sent));
  EXPECT_EQ(arrival.message->reply.port(), far.port);
  EXPECT_EQ(arrival.message->reply.type(), RightType::kSendOnce);
  EXPECT_EQ(far.tables.exports.send_once_units(), 0U);
  EXPECT_EQ(proxy().sorights(), 0U);
  drop(arrival);
}

TEST_F(Translate, ADestinationBySendOnceRightUsesTheUnit) {
  {
    const ipc::Event event(far.world.engine);
    far.tables.exports.grant_once(SendOnceRight::mint(*far.port));
  }
  Arrival arrival = carry(message(RightType::kSendOnce));
  EXPECT_TRUE(arrival.deliverable);
  EXPECT_EQ(arrival.message->destination.type(), RightType::kSendOnce);
  EXPECT_EQ(far.tables.exports.send_once_units(), 0U);
  drop(arrival);
}

TEST_F(Translate, RightsOfABodyFindTheirSlots) {
  ipc::MessagePtr sent = near.world.engine.new_message(near.account, ipc::Bytes(56));
  const mach_msg_type_t item = test::rights(MACH_MSG_TYPE_PORT_SEND, {0, 0}).descriptor;
  std::memcpy(sent->bytes.data() + 32, &item, sizeof item);
  sent->other_bits = MACH_MSGH_BITS_COMPLEX;
  sent->destination = CarriedRight(SendRight::mint(proxy()));
  sent->body.push_back({40, CarriedRight(SendRight::mint(*near.port))});
  sent->body.push_back({48, CarriedRight(SendRight::mint(proxy()))});
  Arrival arrival = carry(std::move(sent));
  ASSERT_EQ(arrival.message->body.size(), 2U);
  EXPECT_EQ(arrival.message->body[0].offset, 40U);
  EXPECT_TRUE(arrival.message->body[0].right.port()->remote());
  EXPECT_EQ(arrival.message->body[1].offset, 48U);
  EXPECT_EQ(arrival.message->body[1].right.port(), far.port);
  drop(arrival);
}

TEST_F(Translate, ARightOfADeadPortIsDead) {
  ipc::MessagePtr sent = message();
  {
    const ipc::Event event(near.world.engine);
    ReceiveRight mortal = near.make_port();
    sent->reply = CarriedRight(SendOnceRight::mint(*mortal.port()));
  }
  Arrival arrival = carry(std::move(sent));
  EXPECT_TRUE(arrival.message->reply.is_dead());
  EXPECT_EQ(arrival.message->reply.type(), RightType::kSendOnce);
  EXPECT_EQ(near.tables.exports.ports(), 0U);
  drop(arrival);
}

TEST_F(Translate, WhatCannotTravelIsRefusedAndNothingChanges) {
  const ipc::Event event(near.world.engine);
  v1::Message out;
  std::vector<Introducing> introducing;
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendRight::mint(*near.port));
  sent->body.push_back({40, CarriedRight(near.make_port())});
  EXPECT_EQ(translate_out(near.tables, {1U << 20, 100}, 0, *sent, out, introducing), Egress::kRefused);
  EXPECT_EQ(near.tables.exports.ports(), 0U);
  EXPECT_EQ(sent->reply.port(), near.port);
  sent->body.clear();
  EXPECT_EQ(translate_out(near.tables, {47, 100}, 0, *sent, out, introducing), Egress::kRefused)
      << "too large for the peer";
  EXPECT_EQ(translate_out(near.tables, {48, 100}, 0, *sent, out, introducing), Egress::kDone);
  EXPECT_FALSE(can_translate(near.tables, *near.port, RightType::kReceive));
  EXPECT_TRUE(can_translate(near.tables, *near.port, RightType::kSendOnce));
  EXPECT_TRUE(can_translate(near.tables, *near.port, RightType::kSend));
}

// R3: its home has to grant it, the caller sees to that.
TEST_F(Translate, ARightOfAThirdDaemonIsLeftToBeIntroduced) {
  const ipc::Event event(near.world.engine);
  ReceiveRight other = near.world.engine.make_remote_port(5);
  near.registry.add_proxy(*other.port(), {origin_of(3), 1}, 1);  // another peer's
  ipc::MessagePtr sent = message();
  sent->reply = CarriedRight(SendOnceRight::mint(*other.port()));
  v1::Message out;
  std::vector<Introducing> introducing;
  EXPECT_EQ(translate_out(near.tables, {1U << 20, 100}, 0, *sent, out, introducing), Egress::kDone);
  ASSERT_EQ(introducing.size(), 1U);
  EXPECT_EQ(introducing[0].right.port(), other.port());
  EXPECT_EQ(introducing[0].wire, &out.reply());
  EXPECT_EQ(out.reply().type(), unsigned{MACH_MSG_TYPE_PORT_SEND_ONCE});
  introducing[0].right.consume();
  near.registry.remove(*other.port());
}

// R8.
class Impostor : public Translate {
 protected:
  v1::Message to(Serial serial, std::uint32_t type = MACH_MSG_TYPE_PORT_SEND) {
    v1::Message made;
    made.mutable_destination()->set_side(v1::Uid::RECEIVER);
    made.mutable_destination()->set_serial(serial);
    made.set_destination_type(type);
    made.set_body(std::string(16, '\0'));
    return made;
  }
  void set_reply(v1::Message& made, v1::Uid::Side side, Serial serial, std::uint32_t type) {
    const bool granted = side == v1::Uid::SENDER;
    made.mutable_reply()->set_value(granted ? v1::Right::GRANTED : v1::Right::HOME);
    made.mutable_reply()->set_type(type);
    made.mutable_reply()->mutable_port()->set_side(side);
    made.mutable_reply()->mutable_port()->set_serial(serial);
  }
  Check enter(const v1::Message& made, Arrival& arrival) {
    return translate_in(far.tables, far.world.engine, far.account, far.limits, made, {}, arrival);
  }
};

TEST_F(Impostor, AKindWithoutAUnitOfThatKindIsRefused) {
  const ipc::Event event(far.world.engine);
  Arrival arrival;
  EXPECT_FALSE(enter(to(1, MACH_MSG_TYPE_PORT_SEND_ONCE), arrival)) << "no protocol error";
  EXPECT_FALSE(arrival.deliverable);
  EXPECT_EQ(arrival.refused, 1U);
  EXPECT_EQ(far.port->sorights(), 0U);
}

TEST_F(Impostor, ACarriedRightWithoutAUnitIsDead) {
  const ipc::Event event(far.world.engine);
  for (const Serial serial : {Serial{2}, Serial{0}, kSerialMax}) {
    v1::Message made = to(1);
    set_reply(made, v1::Uid::RECEIVER, serial, MACH_MSG_TYPE_PORT_SEND);
    Arrival arrival;
    EXPECT_FALSE(enter(made, arrival));
    EXPECT_TRUE(arrival.deliverable);
    EXPECT_TRUE(arrival.message->reply.is_dead());
    EXPECT_EQ(arrival.message->reply.type(), RightType::kSend);
  }
}

TEST_F(Impostor, OneSendOnceUnitDoesNotServeTwice) {
  const ipc::Event event(far.world.engine);
  far.tables.exports.grant_once(SendOnceRight::mint(*far.port));
  v1::Message made = to(1, MACH_MSG_TYPE_PORT_SEND_ONCE);
  set_reply(made, v1::Uid::RECEIVER, 1, MACH_MSG_TYPE_PORT_SEND_ONCE);
  Arrival arrival;
  EXPECT_FALSE(enter(made, arrival));
  EXPECT_TRUE(arrival.deliverable);
  EXPECT_TRUE(arrival.message->reply.is_dead());
  EXPECT_EQ(far.port->sorights(), 1U);
  arrival.message->destination.consume();
}

struct Fraud {
  const char* what;
  void (*commit)(v1::Message&);
};
class Frauds : public Impostor, public testing::WithParamInterface<Fraud> {};

TEST_P(Frauds, AreProtocolErrorsAndChangeNothing) {
  const ipc::Event event(far.world.engine);
  v1::Message made = to(1);
  GetParam().commit(made);
  const std::uint64_t before = far.world.engine.digest();
  Arrival arrival;
  const Check fault = enter(made, arrival);
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->text, GetParam().what);
  EXPECT_EQ(arrival.message, nullptr);
  EXPECT_EQ(far.world.engine.digest(), before);
  EXPECT_EQ(far.tables.holders.size(), 0U);
}

v1::Right& carry_right(v1::Message& made, std::uint32_t type, v1::Right::Value value = v1::Right::GRANTED) {
  v1::Right& right = *made.mutable_reply();
  right.set_type(type);
  right.set_value(value);
  right.mutable_port()->set_side(v1::Uid::SENDER);
  return right;
}

INSTANTIATE_TEST_SUITE_P(
    Impostor, Frauds,
    testing::Values(
        Fraud{"type of a destination", [](v1::Message& m) { m.set_destination_type(19); }},
        Fraud{"node id of another length", [](v1::Message& m) { m.clear_destination(); }},
        Fraud{"serial out of range",
              [](v1::Message& m) { m.mutable_destination()->set_serial(kSerialMax + 1); }},
        Fraud{"header bits", [](v1::Message& m) { m.set_other_bits(MACH_MSGH_BITS_CIRCULAR); }},
        Fraud{"header bits", [](v1::Message& m) { m.set_other_bits(0x1100); }},
        Fraud{"body size", [](v1::Message& m) { m.set_body("1234567"); }},
        Fraud{"too much in one frame", [](v1::Message& m) { m.set_body(std::string((4U << 20) - 24, 'x')); }},
        Fraud{"too much in one frame",
              [](v1::Message& m) { m.add_memory(std::string((4U << 20) - 31, 'x')); }},
        Fraud{"memory in two ways",
              [](v1::Message& m) {
                m.set_transfer(1);
                m.add_memory("x");
              }},
        Fraud{"type of a right", [](v1::Message& m) { carry_right(m, 20); }},
        Fraud{"type of a right", [](v1::Message& m) { carry_right(m, 16); }},
        Fraud{"type of a right", [](v1::Message& m) { carry_right(m, 0, v1::Right::DEAD); }},
        Fraud{"introduction 0", [](v1::Message& m) { carry_right(m, 17, v1::Right::INTRODUCED); }},
        Fraud{"node id of another length",
              [](v1::Message& m) {
                carry_right(m, 17, v1::Right::INTRODUCED).mutable_introduced()->set_nonce(1);
              }},
        Fraud{"value of a right",
              [](v1::Message& m) { carry_right(m, 17, static_cast<v1::Right::Value>(7)); }},
        Fraud{"serial out of range",
              [](v1::Message& m) { carry_right(m, 17).mutable_port()->set_serial(kSerialMax + 1); }},
        Fraud{"node id of another length", [](v1::Message& m) { carry_right(m, 18).clear_port(); }},
        Fraud{"incarnation 0",
              [](v1::Message& m) {
                v1::Uid& port = *carry_right(m, 17).mutable_port();
                port.set_side(v1::Uid::OTHER);
                port.mutable_origin()->set_node(std::string(16, '\3'));
              }},
        Fraud{"side of a uid",
              [](v1::Message& m) {
                carry_right(m, 17).mutable_port()->set_side(static_cast<v1::Uid::Side>(3));
              }},
        Fraud{"a port of ours that was never given out",
              [](v1::Message& m) {
                carry_right(m, 17).mutable_port()->set_side(v1::Uid::RECEIVER);
                m.mutable_reply()->mutable_port()->set_serial(2);
              }},
        Fraud{"somebody else's name service",
              [](v1::Message& m) { carry_right(m, 17).mutable_port()->set_side(v1::Uid::RECEIVER); }},
        Fraud{"receive right",
              [](v1::Message& m) {
                v1::Right& right = *m.add_rights();
                right.set_type(16);
                right.set_value(v1::Right::HOME);
              }},
        Fraud{"type of a right", [](v1::Message& m) { m.add_rights(); }}));

}  // namespace
}  // namespace netmsg::proxy
