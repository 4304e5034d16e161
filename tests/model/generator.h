// SPDX-License-Identifier: Apache-2.0
// Chooses operations that two tasks might carry out next, from what their names denote now: mostly such as can
// succeed, some that cannot. Few ports, small queues and references near their maxima, so that the interesting states
// are reached soon. Everything comes from the seed and from what the recorder has seen.
#pragma once

#include <random>
#include <vector>

#include "tests/model/recorder.h"

namespace netmsg::model {

class Generator {
 public:
  Generator(std::uint32_t seed, Recorder& recorder) : random_(seed), recorder_(recorder) {}

  // An operation with that number. `late`: near the end of its case, where a task may die.
  conformance::Operation next(std::uint32_t number, bool late);

 private:
  using Operation = conformance::Operation;
  using NameRef = conformance::NameRef;
  using SpaceId = conformance::SpaceId;
  using Wish = bool (*)(const conformance::NameState&);
  using Make = void (Generator::*)(Operation& operation);
  struct Choice {
    unsigned weight;
    Make make;
  };
  static const Choice kChoices[];

  Operation choose(bool late);
  Make drawn();

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <typename T>
  const T& one_of(const std::vector<T>& from) {
    return from[below(static_cast<unsigned>(from.size()))];
  }

  // --- names: nearly always one that the wish fits, if there is one ---
  NameRef name(SpaceId space, Wish wish);
  NameRef any_name(SpaceId space);
  NameRef exact(SpaceId space, Wish wish);
  std::size_t count(SpaceId space, Wish wish);
  conformance::NameState state_of(SpaceId space, const NameRef& name);
  std::uint32_t disposition_for(SpaceId space, const NameRef& name, bool body);
  conformance::PortField right(SpaceId space, bool body);
  NameRef notify_port(SpaceId space);

  // --- operations ---
  void allocate(Operation& operation);
  void allocate_name(Operation& operation);
  void reply_port(Operation& operation);
  void deallocate(Operation& operation);
  void destroy(Operation& operation);
  void mod_refs(Operation& operation);
  void ask(Operation& operation);
  void rename(Operation& operation);
  void set_qlimit(Operation& operation);
  void set_number(Operation& operation);
  void set_payload(Operation& operation);
  void move_member(Operation& operation);
  void request(Operation& operation);
  void insert(Operation& operation);
  void extract(Operation& operation);
  void send(Operation& operation);
  void receive(Operation& operation);
  void rpc(Operation& operation);
  void start(Operation& operation);
  void progress(Operation& operation);
  void sleep(Operation& operation);

  // --- messages ---
  void send_half(Operation& operation);
  void receive_half(Operation& operation);
  conformance::Message message(SpaceId space);
  conformance::Item item(SpaceId space);
  conformance::Item ports(SpaceId space);
  conformance::Item data();
  void out_of_line(conformance::Item& item);
  void spoil(conformance::Message& message);
  void spoil(conformance::Item& item);

  std::mt19937 random_;
  Recorder& recorder_;
  bool lacking_ = false;  // the choice makes no sense: no name fitted, or the thread is busy
};

}  // namespace netmsg::model
