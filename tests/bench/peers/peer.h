// SPDX-License-Identifier: Apache-2.0
// What all peers have in common: a peer is a way to carry a request to a server and its answer back, which is measured as
// the floors are (wire.h), beside the same reference of the same moment. One program for each library, one file for each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/wire.h"
#include "tests/support/temporary_folder.h"

namespace netmsg::bench {

// The processes of one measurement. `folder` is for sockets.
struct PeerScene {
  Crew& crew;
  const std::string& folder;
};

struct Peer {
  std::string name;
  // Starts servers and whoever is between.
  std::function<void(const PeerScene&)> start;
  // In the client: connects, and waits until the server answers.
  std::function<std::unique_ptr<Wire>(const PeerScene&)> connect;
};

// usage: PROGRAM [--seconds S]: measures each peer in each job and prints lines "case placement value ratio unit", as
// netmsg_bench --beside reads them.
int peer_main(int argc, char** argv, const std::vector<Peer>& peers);

// Replaces this process, a child of the crew, by a program. Throws NotOffered.
void become(const std::vector<std::string>& command);
// Until there is a file of this name; until somebody listens on this Unix socket.
void await_file(const std::string& path);
void await_listener(const std::string& path);

}  // namespace netmsg::bench
