// What OpenSSL has to say, in words for people. For the files of TLS only: its types are OpenSSL's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

struct x509_st;

namespace llama_swap::net {

// The first reason in the error queue, which is emptied; `otherwise` if there is none.
std::string openssl_reason(std::string_view otherwise);

// Why a handshake that has just failed did.
std::string handshake_error();

// What `code` (X509_V_ERR_...) holds against the certificate, which should be that of `host`: "the
// certificate has expired (it was good until ...)".
std::string certificate_error(int code, const x509_st* certificate, std::string_view host);

// The host names and addresses a certificate is for: its subjectAltName, or where it has none the
// common name (RFC 9525 2).
std::vector<std::string> certificate_names(const x509_st* certificate);

}  // namespace llama_swap::net
