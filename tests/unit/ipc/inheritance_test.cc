// SPDX-License-Identifier: Apache-2.0
// What a task hands on: snapshots of its bootstrap and registered ports (spec 05 §6, 07 §8, 08 §1).
#include "daemon/ipc/inheritance.h"

#include <gtest/gtest.h>
#include <mach/notify.h>
#include <mach/task_special_ports.h>

#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/space.h"
#include "tests/support/engine_world.h"

namespace netmsg::test {
namespace {

using ipc::CarriedRight;
using ipc::Inheritance;
using ipc::RightType;
using Names = Inheritance::Names;

class InheritanceTest : public ::testing::Test {
 protected:
  ~InheritanceTest() override { world.check(); }

  // A naked right for a port of `server`.
  CarriedRight right(Name name) {
    return CarriedRight(std::move(world.engine.copy_send(server.space(), name).value()));
  }
  void enter(std::vector<CarriedRight> rights) {
    ASSERT_EQ(ipc::task::register_ports(parent.space(), std::move(rights)), KERN_SUCCESS);
  }
  void enter_three(Name first, Name second, Name third) {
    std::vector<CarriedRight> rights;
    for (const Name name : {first, second, third})
      rights.push_back(name != 0 ? right(name) : CarriedRight::null(RightType::kSend));
    enter(std::move(rights));
  }
  void set_bootstrap(CarriedRight bootstrap) {
    ASSERT_EQ(ipc::task::set_special_port(parent.space(), TASK_BOOTSTRAP_PORT, std::move(bootstrap)),
              KERN_SUCCESS);
  }

  World world;
  Task& server = world.task("server");
  Task& parent = world.task("parent");
  Task& child = world.task("child");
  const Name a = server.port();
  const Name b = server.port();
};

TEST_F(InheritanceTest, IsTheSameForEveryHeirWhateverBecomesOfTheTask) {
  enter_three(a, b, 0);
  set_bootstrap(right(b));
  const Inheritance inheritance(parent.space());
  enter({});
  parent.die();
  for (Task* heir : {&child, &world.task("second")}) {
    const Names names = inheritance.give(heir->space());
    EXPECT_EQ(heir->state(names[0]), "S1");
    EXPECT_EQ(heir->state(names[1]), "S2") << "the same port twice is one name";
    EXPECT_EQ(names[2], Name{MACH_PORT_NULL});
    EXPECT_EQ(names[3], names[1]);
    EXPECT_EQ(ipc::task::lookup_ports(heir->space()).value()[1].port(),
              ipc::task::get_special_port(heir->space(), TASK_BOOTSTRAP_PORT).value().port());
    world.check();
  }
}

// A forked program has the names before it has the rights.
TEST_F(InheritanceTest, TellsBeforehandWhichNamesThereWillBe) {
  const Name service = server.port();
  ipc::Port* const name_server = server.space().find(service)->receive.port();
  const Name usual = world.engine.insert_send(child.space(), std::move(right(service).take_send())).value();
  for (const Name first : {service, a}) {
    for (const Name second : {Name{0}, a, b, service}) {
      enter_three(first, second, b);
      set_bootstrap(second == a ? CarriedRight::dead(RightType::kSend) : right(a));
      const Inheritance inheritance(parent.space());
      Task& heir = world.task("heir");
      ASSERT_EQ(world.engine.insert_send(heir.space(), std::move(right(service).take_send())).value(), usual);
      EXPECT_EQ(inheritance.names(name_server, usual), inheritance.give(heir.space()));
    }
  }
}

TEST_F(InheritanceTest, EndsAsItsRightsDo) {
  const Name told = server.port();
  enter_three(0, a, 0);
  ASSERT_EQ(server.request(a, MACH_NOTIFY_NO_SENDERS, told), KERN_SUCCESS);
  auto inheritance = std::make_unique<Inheritance>(parent.space());
  parent.die();
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 0U);
  world.check();
  inheritance.reset();
  EXPECT_EQ(server.drain(told, MACH_NOTIFY_NO_SENDERS), 1U);
}

TEST_F(InheritanceTest, GivesDeadPortsAsDeadNames) {
  enter_three(a, b, 0);
  const Inheritance inheritance(parent.space());
  server.destroy(a);
  const Names names = inheritance.give(child.space());
  EXPECT_EQ(names[0], Name{MACH_PORT_DEAD});
  EXPECT_EQ(child.state(names[1]), "S1");
}

TEST_F(InheritanceTest, SaysWhetherItIsMoreThanEveryTaskHas) {
  ipc::Port* const port = server.space().find(a)->receive.port();
  EXPECT_TRUE(Inheritance(parent.space()).is_only(nullptr));
  EXPECT_FALSE(Inheritance(parent.space()).is_only(port));
  enter_three(a, 0, 0);
  EXPECT_TRUE(Inheritance(parent.space()).is_only(port));
  EXPECT_FALSE(Inheritance(parent.space()).is_only(nullptr));
  enter_three(a, 0, b);
  EXPECT_FALSE(Inheritance(parent.space()).is_only(port));
  enter_three(a, 0, 0);
  set_bootstrap(right(b));
  EXPECT_FALSE(Inheritance(parent.space()).is_only(port));
}

// 09 §3: nothing that an heir has done before can get in the way of the engine.
TEST_F(InheritanceTest, PassesByNamesThatAreTaken) {
  enter_three(a, b, 0);
  const Inheritance inheritance(parent.space());
  const Name taken = inheritance.names(nullptr, 0)[0];
  ASSERT_EQ(ipc::mach_port::allocate_name(child.space(), MACH_PORT_RIGHT_DEAD_NAME, taken), KERN_SUCCESS);
  const Names names = inheritance.give(child.space());
  EXPECT_NE(names[0], taken);
  EXPECT_EQ(child.state(names[0]), "S1");
  EXPECT_EQ(inheritance.give(child.space()), names) << "once more: a reference more";
  EXPECT_EQ(child.state(names[0]), "S2");
}

}  // namespace
}  // namespace netmsg::test
