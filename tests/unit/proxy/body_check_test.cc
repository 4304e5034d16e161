// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_check.h"

#include <gtest/gtest.h>

#include "tests/support/mach_message.h"

namespace netmsg::proxy {
namespace {

using test::Item;

v1::Message message(const std::vector<Item>& items) {
  test::Outgoing outgoing;
  outgoing.items = items;
  const test::Bytes bytes = outgoing.encode();
  v1::Message made;
  made.set_body(std::string(reinterpret_cast<const char*>(bytes.data()) + 32, bytes.size() - 32));
  made.set_other_bits(MACH_MSGH_BITS_COMPLEX);
  return made;
}

// As it stands on the wire: types as received, names zero.
Item ports(unsigned type, unsigned count) {
  Item item = test::rights(type, {});
  item.descriptor.msgt_number = count;
  item.values.assign(count, 0);
  return item;
}

void clear_names(v1::Message& made, std::size_t from) {
  std::fill(made.mutable_body()->begin() + static_cast<std::ptrdiff_t>(from), made.mutable_body()->end(),
            '\0');
}

v1::Message one_right() {
  v1::Message made = message({ports(17, 1)});
  clear_names(made, 8);
  made.add_rights()->set_type(17);
  return made;
}

mach_msg_type_t& descriptor(v1::Message& made) {
  return *reinterpret_cast<mach_msg_type_t*>(made.mutable_body()->data());
}

std::string fault(const v1::Message& made) {
  BodyPlan plan;
  const Check found = check_body(made, freight_in_frame(made), plan);
  return found ? found->text : "";
}

TEST(BodyCheck, TellsWhereTheNamesGo) {
  v1::Message made = message({test::numbers({7}), ports(17, 2), ports(18, 1)});
  clear_names(made, 24);
  const mach_msg_type_t once = ports(18, 1).descriptor;
  std::memcpy(made.mutable_body()->data() + 40, &once, sizeof once);
  for (const std::uint32_t type : {17U, 17U, 18U}) made.add_rights()->set_type(type);
  BodyPlan plan;
  const Check found = check_body(made, freight_in_frame(made), plan);
  EXPECT_FALSE(found.has_value()) << found->text;
  constexpr std::uint32_t kInline = ipc::BodyRight::kInline;
  EXPECT_EQ(plan.slots, (std::vector<BodyPlan::Slot>{{56, kInline}, {64, kInline}, {80, kInline}}));
  EXPECT_TRUE(plan.regions.empty());
}

// Data of five bytes at offset 7 of its page, and an array of two rights.
v1::Message with_memory() {
  Item data = test::memory(test::Bytes(5), 7);
  Item array = test::array(17, {0, 0});
  data.descriptor.msgt_deallocate = array.descriptor.msgt_deallocate = 1;
  v1::Message made = message({data, array});
  made.add_memory("bytes");
  for (int at = 0; at < 2; ++at) made.add_rights()->set_type(17);
  return made;
}

TEST(BodyCheck, TellsWhereMemoryAndArraysBelong) {
  BodyPlan plan;
  const v1::Message made = with_memory();
  const Check found = check_body(made, freight_in_frame(made), plan);
  EXPECT_FALSE(found.has_value()) << found->text;
  ASSERT_EQ(plan.regions.size(), 2U);
  EXPECT_EQ(plan.regions[0].slot, 40U);
  EXPECT_EQ(plan.regions[0].rights, 0U);
  EXPECT_EQ(plan.regions[1].slot, 56U);
  EXPECT_EQ(plan.regions[1].rights, 2U);
  EXPECT_EQ(plan.slots, (std::vector<BodyPlan::Slot>{{0, 1}, {4, 1}}));
}

TEST(BodyCheck, ASimpleBodyIsOpaque) {
  v1::Message made;
  made.set_body(std::string(24, '\xFF'));
  EXPECT_EQ(fault(made), "");
}

TEST(BodyCheck, AnEmptyPortItemMakesABodyComplex) {
  EXPECT_EQ(fault(message({ports(17, 0)})), "");
  EXPECT_EQ(fault(message({test::numbers({1})})), "complex bit without cause");
}

struct Lie {
  const char* what;
  void (*tell)(v1::Message&);
};

class Lies : public testing::TestWithParam<Lie> {};

TEST_P(Lies, AreFound) {
  v1::Message made = one_right();
  ASSERT_EQ(fault(made), "");
  GetParam().tell(made);
  EXPECT_EQ(fault(made), GetParam().what);
}

INSTANTIATE_TEST_SUITE_P(
    BodyCheck, Lies,
    testing::Values(
        Lie{"body size", [](v1::Message& m) { m.mutable_body()->pop_back(); }},
        Lie{"rights in a simple message", [](v1::Message& m) { m.set_other_bits(0); }},
        Lie{"port item without rights", [](v1::Message& m) { m.clear_rights(); }},
        Lie{"rights without items", [](v1::Message& m) { m.add_rights()->set_type(17); }},
        Lie{"right of another type", [](v1::Message& m) { m.mutable_rights(0)->set_type(18); }},
        Lie{"a name in a body", [](v1::Message& m) { (*m.mutable_body())[12] = 1; }},
        Lie{"item longer than the body", [](v1::Message& m) { descriptor(m).msgt_number = 0xFFFFFFFF; }},
        Lie{"port item of another size", [](v1::Message& m) { descriptor(m).msgt_size = 32; }},
        Lie{"unused bits in a descriptor", [](v1::Message& m) { descriptor(m).msgt_unused = 1; }},
        Lie{"a disposition in a body", [](v1::Message& m) { descriptor(m).msgt_name = 19; }},
        Lie{"inline item with deallocate", [](v1::Message& m) { descriptor(m).msgt_deallocate = 1; }},
        Lie{"out-of-line item", [](v1::Message& m) { descriptor(m).msgt_inline = 0; }},
        Lie{"memory without items", [](v1::Message& m) { m.add_memory("x"); }},
        Lie{"memory in a simple message",
            [](v1::Message& m) {
              m.set_other_bits(0);
              m.clear_rights();
              m.add_memory("x");
            }},
        Lie{"out-of-line address", [](v1::Message& m) {
              descriptor(m) = {};
              descriptor(m).msgt_name = MACH_MSG_TYPE_BYTE;
              descriptor(m).msgt_deallocate = 1;
              (*m.mutable_body())[9] = 1;
            }}));

class MemoryLies : public testing::TestWithParam<Lie> {};

TEST_P(MemoryLies, AreFound) {
  v1::Message made = with_memory();
  ASSERT_EQ(fault(made), "");
  GetParam().tell(made);
  EXPECT_EQ(fault(made), GetParam().what);
}

// The descriptor of the array.
mach_msg_type_t& second(v1::Message& made) {
  return *reinterpret_cast<mach_msg_type_t*>(made.mutable_body()->data() + 16);
}

INSTANTIATE_TEST_SUITE_P(
    BodyCheck, MemoryLies,
    testing::Values(
        Lie{"memory of another length", [](v1::Message& m) { m.set_memory(0, "byte"); }},
        Lie{"data item without memory", [](v1::Message& m) { m.clear_memory(); }},
        Lie{"memory without items", [](v1::Message& m) { m.add_memory("x"); }},
        Lie{"memory without items",
            [](v1::Message& m) {
              descriptor(m).msgt_number = 0;
              (*m.mutable_body())[8] = 0;
            }},
        Lie{"memory of another length", [](v1::Message& m) { descriptor(m).msgt_number = 0xFFFFFFFF; }},
        Lie{"out-of-line item", [](v1::Message& m) { descriptor(m).msgt_deallocate = 0; }},
        Lie{"out-of-line item", [](v1::Message& m) { m.mutable_body()->resize(24); }},
        Lie{"out-of-line address", [](v1::Message& m) { (*m.mutable_body())[9] = 0x10; }},
        Lie{"out-of-line address", [](v1::Message& m) { (*m.mutable_body())[24] = 1; }},
        Lie{"port array of another size", [](v1::Message& m) { second(m).msgt_size = 64; }},
        Lie{"port item without rights", [](v1::Message& m) { second(m).msgt_number = 0xFFFFFFFF; }},
        Lie{"rights without items", [](v1::Message& m) { second(m).msgt_number = 1; }},
        Lie{"right of another type", [](v1::Message& m) { m.mutable_rights(1)->set_type(18); }}));

}  // namespace
}  // namespace netmsg::proxy
