// SPDX-License-Identifier: Apache-2.0
// One daemon's control socket, as the commands use it, and how their answers are printed.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "netmsg/v1/control.grpc.pb.h"

namespace netmsg::ctl {

class DaemonClient {
 public:
  explicit DaemonClient(const std::string& path);

  template <typename Ask, typename Reply>
  using Method = grpc::Status (v1::Control::Stub::*)(grpc::ClientContext*, const Ask&, Reply*);

  // The answer, or an exit status after saying why there is none.
  template <typename Ask, typename Reply>
  int call(Method<Ask, Reply> method, const Ask& ask, Reply& reply) {
    return explain(try_call(method, ask, reply));
  }
  // The same without a word.
  template <typename Ask, typename Reply>
  grpc::Status try_call(Method<Ask, Reply> method, const Ask& ask, Reply& reply) {
    grpc::ClientContext context;
    set_limit(context);
    return (stub_.get()->*method)(&context, ask, &reply);
  }
  // What is wrong, on standard error, as an exit status.
  int explain(const grpc::Status& status) const;

 private:
  static void set_limit(grpc::ClientContext& context);

  std::string path_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

void print(const std::string& text);
// In the JSON form of control.proto.
void print_json(const google::protobuf::Message& reply);

inline std::string text(std::uint64_t number) {
  return std::to_string(number);
}
inline std::string text_or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

}  // namespace netmsg::ctl
