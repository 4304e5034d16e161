// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/grpc_place.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <fstream>
#include <sstream>

namespace netmsg::bench {

namespace {

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::shared_ptr<grpc::Channel> channel_to(const GrpcPlace& place) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  if (place.certificates == nullptr)
    return grpc::CreateCustomChannel(place.address, grpc::InsecureChannelCredentials(), arguments);
  const test::Certificates& files = *place.certificates;
  arguments.SetSslTargetNameOverride("b");
  return grpc::CreateCustomChannel(
      place.address,
      grpc::SslCredentials(
          {read(files.path("ca.crt")), read(files.path("a.key")), read(files.path("a.crt"))}),
      arguments);
}

void listen_at(grpc::ServerBuilder& builder, const GrpcPlace& place) {
  builder.SetMaxReceiveMessageSize(-1);
  if (place.certificates == nullptr) {
    builder.AddListeningPort(place.address, grpc::InsecureServerCredentials());
    return;
  }
  const test::Certificates& files = *place.certificates;
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = read(files.path("ca.crt"));
  options.pem_key_cert_pairs.push_back({read(files.path("b.key")), read(files.path("b.crt"))});
  builder.AddListeningPort(place.address, grpc::SslServerCredentials(options));
}

grpc::ByteBuffer buffer_of(std::span<const std::byte> bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

void* next_event(grpc::CompletionQueue& queue) {
  void* which = nullptr;
  bool well = false;
  if (!queue.Next(&which, &well) || !well) throw NotOffered("the stream has ended");
  return which;
}

}  // namespace netmsg::bench
