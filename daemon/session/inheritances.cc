// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/inheritances.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/session/listener.h"
#include "daemon/session/waiting.h"

namespace netmsg::session {

namespace {

template <typename Value>
Value random_value() {
  Value value;
  const ssize_t got = ::getrandom(&value, sizeof value, 0);  // so little is never cut short
  NETMSG_CHECK(got == sizeof value);
  return value;
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

class Inheritances::Kept final : public std::enable_shared_from_this<Kept> {
 public:
  Kept(Inheritances& owner, User& user, UserSlot slot, std::unique_ptr<ipc::Inheritance> inheritance)
      : owner_(owner),
        user_(user),
        slot_(std::move(slot)),
        inheritance_(std::move(inheritance)),
        socket_(owner.surroundings_.io) {}
  // Descriptors that are still in the socket are closed with it, which may take time (client_file.h).
  ~Kept() {
    if (socket_.is_open()) close_elsewhere(socket_.release());
  }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

  // Takes over the daemon's end of the handle; false if the event loop has no room for it.
  bool start(base::UniqueFd socket) {
    const local::InheritanceHead head{local::kInheritanceMagic, owner_.daemon_};
    if (::send(socket.get(), &head, sizeof head, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof head) return false;
    asio::error_code error;
    socket_.assign(socket.get(), error);
    if (error) return false;
    socket.release();
    wait();
    return true;
  }

  const ipc::Inheritance& inheritance() const { return *inheritance_; }

 private:
  void wait() {
    socket_.async_wait(WaitingDescriptor::wait_read,
                       [weak = weak_from_this()](const asio::error_code& error) {
                         const auto self = weak.lock();
                         if (self != nullptr && !error) self->read();
                       });
  }

  // One packet a turn.
  void read() {
    std::array<std::byte, sizeof(Claim) + 1> packet;
    const ssize_t got = look(packet);
    if (got < 0 && would_block()) return wait();
    if (got != sizeof(Claim)) return end();
    ::recv(socket_.native_handle(), packet.data(), packet.size(), MSG_DONTWAIT);
    Claim claim;
    std::memcpy(&claim, packet.data(), sizeof claim);
    owner_.claimed(*this, claim);
    wait();
  }

  // The size of the next packet, which stays where it is; one that is too long is cut to more than a claim, one with
  // descriptors is none: they are left to be closed with the socket.
  ssize_t look(std::span<std::byte> packet) {
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t got = ::recvmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_PEEK);
    return got >= 0 && (message.msg_flags & MSG_CTRUNC) != 0 ? 0 : got;
  }

  void close_elsewhere(int fd) { owner_.surroundings_.users.take_file(user_, fd); }

  void end() {
    const auto self = shared_from_this();
    owner_.kept_.erase(self);
    owner_.surroundings_.engine_used();
  }

  Inheritances& owner_;
  User& user_;
  UserSlot slot_;
  std::unique_ptr<ipc::Inheritance> inheritance_;
  WaitingDescriptor socket_;
};

Inheritances::Inheritances(const Surroundings& surroundings)
    : surroundings_(surroundings), daemon_(random_value<std::uint32_t>()) {}

Inheritances::~Inheritances() {
  NETMSG_CHECK(kept_.empty());
  NETMSG_CHECK(heirs_.empty());
}

Claim Inheritances::expect(Heir& heir) {
  const Claim claim = random_value<Claim>();
  const bool is_new = heirs_.emplace(claim, &heir).second;
  NETMSG_CHECK(is_new);
  return claim;
}

base::UniqueFd Inheritances::keep(std::unique_ptr<ipc::Inheritance> inheritance, User& user) {
  UserSlot slot = surroundings_.users.take_inheritance(user);
  int ends[2];
  if (!slot || ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {};
  base::UniqueFd ours(ends[0]);
  base::UniqueFd theirs(ends[1]);
  const auto kept = std::make_shared<Kept>(*this, user, std::move(slot), std::move(inheritance));
  if (!kept->start(std::move(ours))) return {};
  kept_.insert(kept);
  return theirs;
}

void Inheritances::claimed(const Kept& kept, const Claim& claim) {
  const auto found = heirs_.find(claim);
  if (found == heirs_.end()) return;
  Heir& heir = *found->second;
  heirs_.erase(found);
  heir.inherit(kept.inheritance());
}

void Inheritances::close() {
  kept_.clear();
}

}  // namespace netmsg::session
