// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/story.h"

#include <cstdio>

#include "proxy/wire.h"

namespace netmsg::sim {

namespace {

std::string daemon_words(const v1::Origin& origin) {
  return origin.node().empty() ? "?" : host_name(static_cast<HostIndex>(origin.node()[0] - 1));
}

std::string of_words(const v1::Origin& origin) {
  return " of " + daemon_words(origin);
}

std::string port_words(const v1::Uid& port) {
  if (port.side() != v1::Uid::OTHER)
    return (port.side() == v1::Uid::SENDER ? "mine " : "yours ") + std::to_string(port.serial());
  return daemon_words(port.origin()) + "'s " + std::to_string(port.serial());
}

std::string type_words(std::uint32_t type) {
  return type == 18 ? " (once)" : " (send)";
}

std::string right_words(const v1::Right& right) {
  if (right.value() == v1::Right::NULL_RIGHT) return "null";
  if (right.value() == v1::Right::DEAD) return "dead" + type_words(right.type());
  std::string words = port_words(right.port()) + type_words(right.type());
  if (right.value() == v1::Right::INTRODUCED)
    words += " introduced " + std::to_string(right.introduced().nonce());
  if (right.value() == v1::Right::MOVED) words += " moved";
  if (right.value() == v1::Right::GRANTED) words += " room " + std::to_string(right.room());
  return words;
}

std::string message_words(const v1::Message& message) {
  std::string words = (message.queued() ? "queued Message to " : "Message to ") +
                      port_words(message.destination()) + type_words(message.destination_type()) + " id " +
                      std::to_string(message.id());
  if (message.reply().type() != 0) words += " reply " + right_words(message.reply());
  for (const v1::Right& right : message.rights()) words += " [" + right_words(right) + "]";
  if (message.transfer() != 0) words += " data of " + std::to_string(message.transfer());
  return words + " as of #" + std::to_string(message.as_of());
}

// Of the frames of a port that moves.
std::string move_words(const v1::Frame& frame) {
  if (frame.has_move()) {
    return "Move " + port_words(frame.move().port()) + " holders " +
           std::to_string(frame.move().holders_size()) + (frame.move().kept() ? " kept" : "");
  }
  if (frame.has_moved())
    return "Moved " + port_words(frame.moved().port()) + " to " + daemon_words(frame.moved().home());
  if (frame.has_path_close()) {
    const v1::PathClose& close = frame.path_close();
    return "PathClose " + port_words(close.port()) + (close.has_from() ? of_words(close.from()) : "");
  }
  if (frame.has_path_lost())
    return "PathLost " + port_words(frame.path_lost().port()) + of_words(frame.path_lost().from());
  if (frame.has_handed())
    return "Handed " + port_words(frame.handed().port()) + of_words(frame.handed().from());
  if (frame.has_moved_lost())
    return "MovedLost " + port_words(frame.moved_lost().port()) + of_words(frame.moved_lost().from());
  if (frame.has_resync()) {
    const v1::Resync& resync = frame.resync();
    return "Resync " + port_words(resync.port()) +
           (resync.wait()
                ? " wait"
                : " send " + std::to_string(resync.send()) + " once " + std::to_string(resync.once()));
  }
  if (frame.has_probe()) return "Probe " + port_words(frame.probe().port());
  return "?";
}

}  // namespace

Letter read_letter(const std::string& bytes) {
  using Item = proxy::BatchReader::Item;
  Letter letter;
  proxy::BatchReader reader(bytes);
  for (Item item = reader.next(); item != Item::kEnd && item != Item::kMalformed; item = reader.next()) {
    if (item == Item::kHello) letter.hello = true;
    if (item == Item::kFrame) proxy::read_frame(reader.bytes(), letter.frames.emplace_back());
    if (item == Item::kApplied) letter.applied = reader.applied();
    if (item == Item::kFence) proxy::read_fence(reader.bytes(), letter.fence.emplace());
  }
  return letter;
}

std::string in_words(const v1::Frame& frame) {
  const std::string number = "#" + std::to_string(frame.number()) + " ";
  if (frame.has_message()) return number + message_words(frame.message());
  if (frame.has_died()) return number + "Died " + port_words(frame.died().port());
  if (frame.has_release()) {
    return number + "Release " + port_words(frame.release().port()) + " units " +
           std::to_string(frame.release().units()) +
           (frame.release().has_from() ? of_words(frame.release().from()) : "");
  }
  if (frame.has_accepted()) {
    return number + "Accepted " + port_words(frame.accepted().port()) + " of #" +
           std::to_string(frame.accepted().message());
  }
  if (frame.has_chunk()) {
    return number + "Chunk of " + std::to_string(frame.chunk().transfer()) +
           (frame.chunk().dropped() ? " dropped" : ", pieces " + std::to_string(frame.chunk().pieces_size()));
  }
  if (frame.has_grant()) {
    return number + "Grant " + port_words(frame.grant().port()) + type_words(frame.grant().type()) + " to " +
           daemon_words(frame.grant().to()) + " introduction " + std::to_string(frame.grant().nonce());
  }
  if (frame.has_granted()) {
    return number + "Granted " + port_words(frame.granted().port()) + type_words(frame.granted().type()) +
           " by " + daemon_words(frame.granted().introducer()) + " introduction " +
           std::to_string(frame.granted().nonce());
  }
  if (frame.has_grant_failed()) {
    return number + "GrantFailed to " + daemon_words(frame.grant_failed().to()) + " introduction " +
           std::to_string(frame.grant_failed().nonce()) + " reason " +
           std::to_string(frame.grant_failed().reason());
  }
  if (frame.has_claim()) {
    return number + "Claim by " + daemon_words(frame.claim().introducer()) + " introduction " +
           std::to_string(frame.claim().nonce());
  }
  if (frame.has_claim_answer()) {
    return number + "ClaimAnswer by " + daemon_words(frame.claim_answer().introducer()) + " introduction " +
           std::to_string(frame.claim_answer().nonce()) + " answer " +
           std::to_string(frame.claim_answer().answer());
  }
  if (!frame.has_credit()) return number + move_words(frame);
  return number + "Credit " + port_words(frame.credit().port()) + " room " +
         std::to_string(frame.credit().room()) + " as of #" + std::to_string(frame.credit().as_of());
}

std::string in_words(const Letter& letter) {
  std::string words = letter.hello ? "Hello; " : "";
  for (const v1::Frame& frame : letter.frames) words += in_words(frame) + "; ";
  if (letter.applied != 0) words += "applied #" + std::to_string(letter.applied);
  if (letter.fence) words += "Fence " + std::to_string(letter.fence->code()) + " " + letter.fence->text();
  return words.empty() ? "heartbeat" : words;
}

std::string host_name(HostIndex host) {
  return std::string(1, static_cast<char>('a' + host));
}

void Story::say(HostIndex host, const std::string& words) const {
  std::printf("%12.6f %s  %s\n", static_cast<double>(now_.count()) / 1e9, host_name(host).c_str(),
              words.c_str());
}

void Story::accuse(const std::string& invariant, const std::string& what) {
  if (verdict_) return;
  verdict_ = invariant + ": " + what;
  if (aloud_) std::printf("%12.6f !  %s\n", static_cast<double>(now_.count()) / 1e9, verdict_->c_str());
}

}  // namespace netmsg::sim
