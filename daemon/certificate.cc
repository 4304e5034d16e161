// SPDX-License-Identifier: Apache-2.0
#include "daemon/certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/state_dir.h"

namespace netmsg::daemon {
namespace {

constexpr std::string_view kNodeUri = "netmsg:node:";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string uri_of(const GENERAL_NAME& name) {
  if (name.type != GEN_URI) return {};
  const ASN1_IA5STRING* uri = name.d.uniformResourceIdentifier;
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
          static_cast<std::size_t>(ASN1_STRING_length(uri))};
}

std::vector<std::string> node_ids(const X509& certificate) {
  std::vector<std::string> ids;
  const std::unique_ptr<GENERAL_NAMES, Free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const std::string uri = uri_of(*sk_GENERAL_NAME_value(names.get(), i));
    if (uri.rfind(kNodeUri, 0) == 0) ids.push_back(uri.substr(kNodeUri.size()));
  }
  return ids;
}

}  // namespace

std::string node_id_of_certificate(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, Free> certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                                    : nullptr);
  if (!certificate) return {};
  const std::vector<std::string> ids = node_ids(*certificate);
  return ids.size() == 1 && is_node_id(ids.front()) ? ids.front() : std::string();
}

}  // namespace netmsg::daemon
