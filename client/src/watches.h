// SPDX-License-Identifier: Apache-2.0
// The descriptors of netmsg_port_descriptor that the program holds, and the signals in them (proto/local/frame.h,
// "Watches"). The daemon puts signals in; they are read away here, by whoever is told that a right has nothing left
// to receive. The descriptors are the program's: it closes them without a word, or gives them another number.
// So each is known by its socket, and a number is believed only as long as it stands for that.
//
// Owner: Task, under its mutex.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netmsg::client {

class Watches {
 public:
  // The program gets `fd`, a socket, of the daemon's watch `id`.
  void add(std::uint32_t id, int fd);
  // Nothing is left to receive: all signals of the watch up to `signal` are answered.
  void answered(std::uint32_t id, std::uint32_t signal);
  // In the child of a fork: the descriptors tell of the parent's ports.
  void forget() { watches_.clear(); }

 private:
  struct Held {
    int fd;
    dev_t device;
    ino_t inode;
  };
  struct Watch {
    std::vector<Held> held;
    std::optional<std::uint32_t> answered;  // all of them have no signals up to this one any more
  };

  enum class Taken { kYes, kLater, kClosed };
  static Taken take_away(Held& held, std::uint32_t signal);
  void forget_number(int fd);

  std::map<std::uint32_t, Watch> watches_;
};

}  // namespace netmsg::client
