// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/watch_socket.h"

#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <utility>

#include "daemon/base/poll_now.h"
#include "proto/local/frame.h"

namespace netmsg::session {

namespace {

// The least that the kernel allows, which is room for a few signals: more are of no use.
void keep_small(int socket) {
  const int least = 0;
  ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
}

}  // namespace

WatchSocket::WatchSocket(asio::io_context& io, base::UniqueFd socket, ipc::WatchId id, UserSlot slot,
                         Owner& owner)
    : socket_(io), id_(id), slot_(std::move(slot)), owner_(&owner) {
  keep_small(socket.get());
  ::shutdown(socket.get(), SHUT_RD);
  asio::error_code error;
  socket_.assign(socket.get(), error);
  // If the event loop had no room for it, the first wait fails and the watch is over.
  if (!error) socket.release();
}

void WatchSocket::start() {
  wait_for_end();
}

void WatchSocket::close() {
  owner_ = nullptr;
  slot_.give_back();
  asio::error_code ignored;
  socket_.close(ignored);
}

// An error of the wait is an end too: a watch that cannot be heard of again is none.
void WatchSocket::wait_for_end() {
  socket_.async_wait(
      WaitingDescriptor::wait_error, [self = shared_from_this()](const asio::error_code& error) {
        const bool mistaken =
            !error && self->owner_ != nullptr && !base::poll_now(self->socket_.native_handle(), 0);
        if (mistaken) return self->wait_for_end();
        self->on_end();
      });
}

void WatchSocket::wait_for_space() {
  socket_.async_wait(WaitingDescriptor::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       const auto owed = std::exchange(self->owed_, std::nullopt);
                       if (!error && self->owner_ != nullptr) self->send(*owed);
                     });
}

void WatchSocket::on_end() {
  if (owner_ == nullptr) return;
  Owner& owner = *owner_;
  close();
  owner.watch_closed(*this);
}

void WatchSocket::send(std::uint32_t signal) {
  if (owed_) {
    owed_ = signal;
    return;
  }
  const local::Signal frame{signal};
  const ssize_t sent = ::send(socket_.native_handle(), &frame, sizeof frame, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno == EPIPE || errno == ECONNRESET) return;  // the end has been seen, or will be
  owed_ = signal;
  wait_for_space();
}

}  // namespace netmsg::session
