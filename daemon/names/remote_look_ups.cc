// SPDX-License-Identifier: Apache-2.0
#include "daemon/names/remote_look_ups.h"

#include <servers/netname_defs.h>

#include <numeric>
#include <utility>

#include "daemon/ipc/mach_port.h"
#include "daemon/names/wire.h"

namespace netmsg::names {

using ipc::Bytes;
using ipc::Name;

RemoteLookUps::RemoteLookUps(InnerTask& task, std::size_t peers, std::chrono::milliseconds limit)
    : task_(task), limit_(limit), peers_(peers) {}

void RemoteLookUps::ask(std::size_t peer, const std::string& name, Done done) {
  start({peer}, LookUp{name, false, std::move(done), {}});
}

void RemoteLookUps::ask_all(const std::string& name, Done done) {
  std::vector<std::size_t> all(peers_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  start(all, LookUp{name, true, std::move(done), {}});
}

void RemoteLookUps::start(const std::vector<std::size_t>& peers, LookUp asked) {
  if (look_ups_.size() >= kPendingMax) return asked.done(KERN_RESOURCE_SHORTAGE, ipc::kNullName);
  const Id id = ++last_id_;
  LookUp& look_up = look_ups_.emplace(id, std::move(asked)).first->second;
  // All questions are there before the first is put: none of them can be the last too early.
  for (const std::size_t peer : peers) {
    look_up.questions.emplace(peer, Question{ipc::mach_port::reply_port(task_.space()), 0, std::nullopt});
  }
  for (const std::size_t peer : peers) put(id, peer);
}

void RemoteLookUps::put(Id id, std::size_t peer) {
  Question* question = find(id, peer);
  if (question == nullptr) return;
  if (question->reply_port == ipc::kNullName) return over(id, peer, KERN_RESOURCE_SHORTAGE);
  if (peers_[peer].state == Peer::State::kUnreachable) return over(id, peer, NETNAME_HOST_NOT_FOUND);
  question->receive =
      task_.receive(question->reply_port, limit_,
                    [this, id, peer](auto code, const Bytes& message) { answered(id, peer, code, message); });
  if (peers_[peer].state == Peer::State::kUp) send(id, peer);
}

// The window of the peer's port may be full, so the question may have to wait
// in its turn; not longer than its answer may take. A question that could not
// be sent is over; one that was sent and lost is answered by a notification.
void RemoteLookUps::send(Id id, std::size_t peer) {
  Question& question = *find(id, peer);
  const Bytes message =
      look_up_request(peers_[peer].name_service, question.reply_port, look_ups_.at(id).name);
  const ipc::OpToken call = task_.send(message, limit_, [this, id, peer](mach_msg_return_t code) {
    if (code != MACH_MSG_SUCCESS && find(id, peer) != nullptr) over(id, peer, NETNAME_HOST_NOT_FOUND);
  });
  if (Question* still = find(id, peer)) still->send = call;
}

void RemoteLookUps::answered(Id id, std::size_t peer, mach_msg_return_t code, const Bytes& message) {
  const bool whole = code == MACH_MSG_SUCCESS;
  const LookUpAnswer answer = whole ? decode_look_up_reply(message) : LookUpAnswer{code, ipc::kNullName};
  if (answer.code == KERN_SUCCESS) return finish(id, KERN_SUCCESS, answer.port);
  if (whole || (code & ~MACH_MSG_MASK) == MACH_RCV_BODY_ERROR) task_.release_message(message);
  over(id, peer, answer.code == NETNAME_NOT_CHECKED_IN ? NETNAME_NOT_CHECKED_IN : NETNAME_HOST_NOT_FOUND);
}

void RemoteLookUps::over(Id id, std::size_t peer, kern_return_t code) {
  LookUp& look_up = look_ups_.at(id);
  close(look_up.questions.extract(peer).mapped());
  if (!look_up.questions.empty()) return;
  finish(id, look_up.everybody ? NETNAME_HOST_NOT_FOUND : code, ipc::kNullName);
}

void RemoteLookUps::finish(Id id, kern_return_t code, Name port) {
  const LookUp look_up = std::move(look_ups_.extract(id).mapped());
  for (const auto& [peer, question] : look_up.questions) close(question);
  look_up.done(code, port);
}

void RemoteLookUps::close(const Question& question) {
  if (question.reply_port == ipc::kNullName) return;
  task_.forget(question.receive);
  if (question.send) task_.forget(*question.send);
  ipc::mach_port::destroy(task_.space(), question.reply_port);
}

RemoteLookUps::Question* RemoteLookUps::find(Id id, std::size_t peer) {
  const auto look_up = look_ups_.find(id);
  if (look_up == look_ups_.end()) return nullptr;
  const auto question = look_up->second.questions.find(peer);
  return question == look_up->second.questions.end() ? nullptr : &question->second;
}

void RemoteLookUps::peer_up(std::size_t peer, ipc::SendRight name_service) {
  give_up_name_service(peers_[peer]);
  const auto name = task_.engine().insert_send(task_.space(), std::move(name_service));
  if (!name.ok()) return peer_unreachable(peer);  // dead already, or no room for it
  peers_[peer] = {Peer::State::kUp, name.value()};
  for (const Id id : waiting_for(peer)) {
    if (find(id, peer) != nullptr) send(id, peer);
  }
}

void RemoteLookUps::peer_down(std::size_t peer) {
  give_up_name_service(peers_[peer]);
  peers_[peer].state = Peer::State::kTrying;
}

void RemoteLookUps::peer_unreachable(std::size_t peer) {
  give_up_name_service(peers_[peer]);
  peers_[peer].state = Peer::State::kUnreachable;
  for (const Id id : waiting_for(peer)) {
    if (find(id, peer) != nullptr) over(id, peer, NETNAME_HOST_NOT_FOUND);
  }
}

std::vector<RemoteLookUps::Id> RemoteLookUps::waiting_for(std::size_t peer) const {
  std::vector<Id> ids;
  for (const auto& [id, look_up] : look_ups_) {
    const auto question = look_up.questions.find(peer);
    if (question != look_up.questions.end() && !question->second.send) ids.push_back(id);
  }
  return ids;
}

void RemoteLookUps::give_up_name_service(Peer& peer) {
  task_.release(std::exchange(peer.name_service, ipc::kNullName), MACH_MSG_TYPE_PORT_SEND);
}

}  // namespace netmsg::names
