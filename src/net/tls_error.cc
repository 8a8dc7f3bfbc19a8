#include "net/tls_error.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "util/text.h"

namespace llama_swap::net {
namespace {

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_of(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int length = ASN1_STRING_length(bytes);
  if (length != 4 && length != 16) return {};
  ::inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text.data(),
              text.size());
  return text.data();
}

std::string time_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

// Host names and addresses of the subjectAltName.
std::vector<std::string> alternative_names(const x509_st* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(address_of(name->d.iPAddress));
  }
  return names;
}

std::string name_error(const x509_st* certificate, std::string_view host) {
  const std::string error = "the certificate is not for " + std::string(host);
  const std::vector<std::string> names = alternative_names(certificate);
  if (names.empty()) return error + ": it has no subjectAltName, and a common name does not count";
  return error + " but for " + util::join(names, ", ");
}

}  // namespace

std::string openssl_reason(std::string_view otherwise) {
  const unsigned long code = ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return std::string(reason ? reason : otherwise);
}

std::string handshake_error() {
  if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER) {
    ERR_clear_error();
    return "the other side does not speak TLS";
  }
  return openssl_reason("the connection ended in the middle of it");
}

std::string certificate_error(int code, const x509_st* certificate, std::string_view host) {
  const std::string reason = X509_verify_cert_error_string(code);
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired (it was good until " +
             time_of(X509_get0_notAfter(certificate)) + ")";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not good yet (only from " +
             time_of(X509_get0_notBefore(certificate)) + ")";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return name_error(certificate, host);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate is from an unknown issuer (" + reason +
             "); if that is to be trusted, name its certificate in caFile";
    default:
      return "the certificate is not good: " + reason;
  }
}

std::vector<std::string> certificate_names(const x509_st* certificate) {
  std::vector<std::string> names = alternative_names(certificate);
  if (!names.empty()) return names;
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

}  // namespace llama_swap::net
