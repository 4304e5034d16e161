// SPDX-License-Identifier: Apache-2.0
#include "daemon/ctl/daemon_client.h"

#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <cstdio>

#include "daemon/ctl/commands.h"

namespace netmsg::ctl {
namespace {

constexpr std::chrono::seconds kCallLimit{5};

}  // namespace

DaemonClient::DaemonClient(const std::string& path) : path_(path) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  stub_ = v1::Control::NewStub(
      grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments));
}

void DaemonClient::set_limit(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kCallLimit);
}

int DaemonClient::explain(const grpc::Status& status) const {
  if (status.ok()) return kOk;
  std::fprintf(stderr, "netmsgctl: %s: %s\n", path_.c_str(), status.error_message().c_str());
  return status.error_code() == grpc::StatusCode::NOT_FOUND ? kRefused : kNoAnswer;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const google::protobuf::Message& reply) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(reply, &text, options);
  print(status.ok() ? text + "\n" : "");
}

}  // namespace netmsg::ctl
