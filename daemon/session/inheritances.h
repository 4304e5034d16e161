// SPDX-License-Identifier: Apache-2.0
// What tasks hand on to those made from them, and who may claim it (proto/local/frame.h, "Inheritance").
//
// States of an inheritance
//   event                              action
//   a packet that is some heir's claim that heir inherits
//   ... that is nobody's               nothing: the heir may have died
//   ... of another size, or with files ended
//   the last copy of the handle closed ended: its rights are given up
// Owner: the listener; waits in the event loop hold weak references. Owner thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "daemon/base/unique_fd.h"
#include "daemon/ipc/inheritance.h"
#include "daemon/session/users.h"
#include "proto/local/frame.h"

namespace netmsg::session {

struct Surroundings;

using Claim = std::array<std::uint32_t, local::kClaimWords>;

// A task that may inherit.
class Heir {
 public:
  virtual ~Heir() = default;
  // Once at most: the claim is used up.
  virtual void inherit(const ipc::Inheritance& inheritance) = 0;
};

class Inheritances {
 public:
  explicit Inheritances(const Surroundings& surroundings);
  ~Inheritances();
  Inheritances(const Inheritances&) = delete;
  Inheritances& operator=(const Inheritances&) = delete;

  // As in Welcome.
  std::uint32_t daemon() const { return daemon_; }

  // A new claim for `heir`, valid until it is used or forgotten, which must be before the heir dies.
  Claim expect(Heir& heir);
  // Idempotent.
  void forget(const Claim& claim) { heirs_.erase(claim); }

  // Keeps `inheritance`, on the account of `user`, as long as there is a copy of the handle that is returned. Empty:
  // the user has too many, or no descriptor is left; the inheritance is given up.
  base::UniqueFd keep(std::unique_ptr<ipc::Inheritance> inheritance, User& user);

  // Gives up all. Idempotent.
  void close();

 private:
  class Kept;
  void claimed(const Kept& kept, const Claim& claim);

  const Surroundings& surroundings_;
  const std::uint32_t daemon_;
  std::map<Claim, Heir*> heirs_;
  std::set<std::shared_ptr<Kept>> kept_;
};

}  // namespace netmsg::session
