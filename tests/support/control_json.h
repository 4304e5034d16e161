// SPDX-License-Identifier: Apache-2.0
// What netmsgctl --json prints, as the messages of control.proto.
#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "netmsg/v1/control.pb.h"
#include "tests/support/host.h"

namespace netmsg::test {

// The reply of a command that has ended with status 0.
template <typename Reply>
Reply told(const std::pair<int, std::string>& ended) {
  Reply reply;
  EXPECT_EQ(ended.first, 0) << ended.second;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(ended.second, &reply).ok()) << ended.second;
  return reply;
}

// The number of the task that this process is there; 0 if it is none.
inline std::uint64_t task_of(const Host& host, int pid) {
  const auto reply = told<v1::TasksReply>(host.control({"--json", "tasks"}));
  for (const v1::Task& task : reply.tasks()) {
    if (task.pid() == pid) return task.id();
  }
  return 0;
}

inline v1::Peer peer_row(const Host& host, const std::string& name) {
  const auto reply = told<v1::PeersReply>(host.control({"--json", "peers"}));
  for (const v1::Peer& peer : reply.peers()) {
    if (peer.name() == name) return peer;
  }
  return {};
}

}  // namespace netmsg::test
