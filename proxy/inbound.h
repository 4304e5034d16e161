// SPDX-License-Identifier: Apache-2.0
// The peer's transfers of one session (peer.proto, exchange 9): the data of its messages, put together as it comes.
//
//   transfer   event                                      next
//   -          its first chunk                            coming
//   coming     its pieces                                 coming; a part is complete when all of it is there
//   coming     too much for the account or the storage    spoilt: what was there is let go of
//   coming     claim(), all parts complete                gone, the data is the message's
//   spoilt     claim()                                    gone, the message is to be destroyed
//   any        dropped                                    gone
//
// Small parts, and all without a Storage, are kept here, at the expense of the peer's account. Owner thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "daemon/ipc/memory.h"
#include "daemon/ipc/quota.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/chunk.h"
#include "proxy/fault.h"
#include "proxy/freight.h"
#include "proxy/options.h"
#include "proxy/storage.h"

namespace netmsg::proxy {

class Inbound {
 public:
  // `account` pays for what is kept here.
  Inbound(PeerIndex peer, ipc::Account& account, const PeerLimits& limits, Storage* storage)
      : peer_(peer), account_(account), limits_(limits), storage_(storage) {}

  // Faults: PROTOCOL, LIMIT as peer.proto says.
  Check apply(const Chunk& chunk);
  // The data of the message that names the transfer. PROTOCOL: it is not complete, or has not begun.
  Check claim(std::uint64_t transfer, Freight& freight);

  std::size_t size() const { return transfers_.size(); }
  std::uint64_t digest() const;

 private:
  struct Part {
    v1::Part head;
    std::unique_ptr<Site> site{};  // null: it is kept here
    ipc::Bytes here{};
    ipc::MemoryRef memory{};  // of one with a site, when all of it has come
  };
  struct Transfer {
    std::vector<Part> parts{};    // none if spoilt
    std::uint64_t announced = 0;  // bytes of all parts that have begun
    std::uint64_t missing = 0;    // of the last one of them
    bool spoilt = false;
    ipc::Charge charge{};  // for what is here
  };
  using Transfers = std::map<std::uint64_t, Transfer>;

  Check drop(const Chunk& chunk);
  Check begin(std::uint64_t number);
  Check take(Transfer& transfer, const Chunk::Piece& piece);
  Check begin_part(Transfer& transfer, const v1::Part& head) const;
  // False: there is no room.
  bool open_part(Transfer& transfer, const v1::Part& head);
  static bool keep(Transfer& transfer, Rope data);
  static bool keep_here(Transfer& transfer, Part& part, Rope data);
  bool belongs_outside(const Transfer& transfer, const v1::Part& head) const;
  static void spoil(Transfer& transfer);

  const PeerIndex peer_;
  ipc::Account& account_;
  const PeerLimits& limits_;
  Storage* const storage_;
  Transfers transfers_;
  std::uint64_t last_ = 0;  // begun
};

}  // namespace netmsg::proxy
