// What the certificate of a server that we connect to has to be: of an authority that is trusted
// (RFC 5280), for a name (RFC 9525), or one of those that DANE names (RFC 6698, 7671, 7672).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

struct x509_store_st;

namespace hauspost::tls {

// A TLSA record (RFC 6698 section 2.1); `data` as octets.
struct DaneRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;
};

struct ServerCheck {
  enum class Kind : std::uint8_t {
    kChain,  // an authority that is trusted has signed it, for whatever name
    kName,   // and it is for one of `names`
    // It, its key, or an authority in its chain is what one of `records` says: usage 3 without
    // regard to names and dates (RFC 7671 section 5.1), usage 2 with both. Other usages match
    // nothing.
    kDane,
  };
  Kind kind = Kind::kChain;
  std::vector<std::string> names;
  std::vector<DaneRecord> records;
};

struct ServerVerdict {
  enum class Kind : std::uint8_t { kGood, kNotTrusted, kExpired, kHostMismatch, kNoDaneMatch };
  Kind kind = Kind::kNotTrusted;
  std::string text;  // what is wrong; empty of kGood
  bool good() const { return kind == Kind::kGood; }
};

// Authorities. Immutable: any thread may use it.
class TrustedRoots {
 public:
  // Every certificate in PEM text. kInvalid: it does not parse, or there is none.
  static Result<TrustedRoots> from_pem(std::string_view pem);
  // Those of the system, one file. Blocks: some milliseconds. kNotFound, kInvalid.
  static Result<TrustedRoots> from_file(const std::string& path);

  x509_store_st* native() const { return store_.get(); }

 private:
  explicit TrustedRoots(std::shared_ptr<x509_store_st> store) : store_(std::move(store)) {}

  std::shared_ptr<x509_store_st> store_;  // shared by copies; never changed
};
inline constexpr char kSystemRootsFile[] = "/etc/ssl/certs/ca-certificates.crt";

}  // namespace hauspost::tls
