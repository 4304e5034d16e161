// SPDX-License-Identifier: Apache-2.0
#include "daemon/certificate.h"

#include <gtest/gtest.h>

namespace netmsg::daemon {
namespace {

// Self-signed, made by: openssl req -x509 -newkey ec ... -addext "subjectAltName=..."
// URI:netmsg:node:0123456789abcdef0123456789abcdef,DNS:t
const char* const kOneId = R"(-----BEGIN CERTIFICATE-----
MIIBrDCCAVOgAwIBAgIUO6G4c7Jk5Tb7jX24XgmqTmeou2gwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIwODIxMjZaGA8yMTI2MTAyOTA4MjEyNlow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBWrS0yMioRk
qVjM6Ic6yQEdiJq0CTxTGiDMfuT3sZX5ZPhKubarGIOGyWgGDgbb7m/MS4oxnTx3
pWuwbFBuKAKjgZAwgY0wHQYDVR0OBBYEFPvtMxYnopDheNDPYPDDxGE8S2YOMB8G
A1UdIwQYMBaAFPvtMxYnopDheNDPYPDDxGE8S2YOMA8GA1UdEwEB/wQFMAMBAf8w
OgYDVR0RBDMwMYYsbmV0bXNnOm5vZGU6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3
ODlhYmNkZWaCAXQwCgYIKoZIzj0EAwIDRwAwRAIgfE8krkggCw5VC71HzsToyCNH
oo++8bFCxoX3Gi4TyF4CIFuE59/2LoBbxY2QzJ7JC+f/bh+cmpuc21QGAHc7uifG
-----END CERTIFICATE-----
)";
// the same URI and URI:netmsg:node:1123456789abcdef0123456789abcdef
const char* const kTwoIds = R"(-----BEGIN CERTIFICATE-----
MIIB2DCCAX6gAwIBAgIUXqESgewZUy6UeQmNSYv+mO+Ng24wCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIwODIxMjZaGA8yMTI2MTAyOTA4MjEyNlow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKSAQqCzeGvA
kJVrFKv9LM4JYI23oEkpqWuMpifLu8vGVJtEbq8KA+ypZVWzxxaUjLMKW5/vWVr9
Qa4xu9qkpSijgbswgbgwHQYDVR0OBBYEFBaOU/fLjb6JXM/3aiMz5t/vIouBMB8G
A1UdIwQYMBaAFBaOU/fLjb6JXM/3aiMz5t/vIouBMA8GA1UdEwEB/wQFMAMBAf8w
ZQYDVR0RBF4wXIYsbmV0bXNnOm5vZGU6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3
ODlhYmNkZWaGLG5ldG1zZzpub2RlOjExMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5
YWJjZGVmMAoGCCqGSM49BAMCA0gAMEUCIQCaps8/4k7ksaeOx1op/BwvNLR+/fb9
hzYHXBQOSPxgRQIgAwBkGShYrSdtMefiXO3wxtJGIWlf64Qn9avDC+5xGMQ=
-----END CERTIFICATE-----
)";
// DNS:t
const char* const kNoId = R"(-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUdYB+TziBoRAOs5KwEmWEGIbZaTIwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIwODIxMjdaGA8yMTI2MTAyOTA4MjEyN1ow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABP+Bpp+jAwu3
r2wjo9jarQIxkhxZyhDaEKWNnrzrAdEeC60c9tPGZiWtvjKdw//id0+n5M0cswrN
AYKODY1g4AyjYTBfMB0GA1UdDgQWBBSuc28UCq63p2jQFwuZzVuDXLI+QTAfBgNV
HSMEGDAWgBSuc28UCq63p2jQFwuZzVuDXLI+QTAPBgNVHRMBAf8EBTADAQH/MAwG
A1UdEQQFMAOCAXQwCgYIKoZIzj0EAwIDSAAwRQIhAKSpFcgjrnJj1fg9RXj5d72N
tnvHv4/GDH0H2u0oqayTAiAi5AcT0a0BL4AoUvoUZz8nOPeCwMMBOtUSydNiZ+gR
YA==
-----END CERTIFICATE-----
)";

TEST(Certificate, TheNodeIdIsItsUri) {
  EXPECT_EQ(node_id_of_certificate(kOneId), "0123456789abcdef0123456789abcdef");
}

TEST(Certificate, TheFirstOfAChainCounts) {
  EXPECT_EQ(node_id_of_certificate(std::string(kOneId) + kNoId), "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(node_id_of_certificate(std::string(kNoId) + kOneId), "");
}

TEST(Certificate, WithoutExactlyOneIdThereIsNone) {
  EXPECT_EQ(node_id_of_certificate(kTwoIds), "");
  EXPECT_EQ(node_id_of_certificate(kNoId), "");
}

TEST(Certificate, WhatIsNoCertificateHasNone) {
  EXPECT_EQ(node_id_of_certificate(""), "");
  EXPECT_EQ(node_id_of_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "");
  EXPECT_EQ(node_id_of_certificate(std::string(kOneId).substr(0, 300)), "");
}

}  // namespace
}  // namespace netmsg::daemon
