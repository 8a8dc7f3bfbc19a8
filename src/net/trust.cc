#include "net/trust.h"

#include <openssl/x509.h>
#include <sys/stat.h>

#include <cstdlib>

namespace llama_swap::net {
namespace {

std::string from_environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value ? value : otherwise;
}

// Changes whenever what TlsClientContext::make(ca_file) would read has.
std::string stamp_of(const std::string& ca_file) {
  std::string stamp;
  for (const std::string& file :
       {ca_file, from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file()),
        from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir())}) {
    struct stat info {};
    if (!file.empty() && ::stat(file.c_str(), &info) == 0) {
      for (const long long part :
           {static_cast<long long>(info.st_dev), static_cast<long long>(info.st_ino),
            static_cast<long long>(info.st_size), static_cast<long long>(info.st_ctim.tv_sec),
            static_cast<long long>(info.st_ctim.tv_nsec)})
        stamp += std::to_string(part) + ' ';
    }
    stamp += ';';
  }
  return stamp;
}

// Without a file of its own, all share one: the system's certificates are many.
util::Result<std::shared_ptr<const TlsClientContext>> make_shared_context(
    const std::string& ca_file, const std::string& stamp) {
  static std::weak_ptr<const TlsClientContext> common;
  static std::string common_stamp;
  if (!ca_file.empty()) return TlsClientContext::make(ca_file);
  if (auto known = common.lock(); known && common_stamp == stamp) return known;
  auto made = TlsClientContext::make(ca_file);
  if (made) {
    common = *made;
    common_stamp = stamp;
  }
  return made;
}

}  // namespace

util::Result<std::shared_ptr<const TlsClientContext>> Trust::context() {
  std::string stamp = stamp_of(ca_file_);  // before the files are read
  if (context_ && stamp == stamp_) return context_;
  auto made = make_shared_context(ca_file_, stamp);
  if (!made && !context_) return made;
  stamp_ = std::move(stamp);
  if (made) context_ = std::move(*made);
  return context_;
}

}  // namespace llama_swap::net
