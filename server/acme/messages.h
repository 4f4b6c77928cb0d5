// What an ACME server answers (RFC 8555 section 7.1), read strictly: JSON in, our types out. Pure;
// nothing that a server may send does more than make them fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hauspost::acme {

inline constexpr std::size_t kAnswerBytesMax = 256 * 1024;
inline constexpr std::size_t kUrlMax = 2000;
inline constexpr std::size_t kTokenMax = 128;
inline constexpr std::size_t kNamesMax = 100;        // of an order
inline constexpr std::size_t kChallengesMax = 20;    // of an authorization
inline constexpr std::size_t kProblemTextMax = 500;  // of what a server says, as it is kept

// RFC 8555 section 7.1.6, of all objects.
enum class Status : std::uint8_t {
  kPending,
  kReady,
  kProcessing,
  kValid,
  kInvalid,
  kDeactivated,
  kExpired,
  kRevoked,
};

// RFC 7807, and section 6.7 for what is added. Texts are cut, and safe for a log or a terminal.
struct Problem {
  struct Part {
    std::string name;  // of the identifier; may be empty
    std::string type;
    std::string detail;
  };
  std::string type;    // "rateLimited" of urn:ietf:params:acme:error:rateLimited; else as it came
  std::string detail;  // never empty
  std::vector<Part> parts;

  // "rateLimited: too many orders", then each part's in the same way.
  std::string text() const;
};
// Whatever is no problem document is a Problem without type whose detail says so.
Problem parse_problem(std::string_view body, int http_status);

// Section 7.1.1.
struct Directory {
  std::string new_nonce;
  std::string new_account;
  std::string new_order;
  std::string revoke_cert;  // may be empty
  std::string terms;        // may be empty
  bool needs_binding = false;
};
// kInvalid, like all below: not JSON, a member missing or of another type, or a URL that is not
// https.
Result<Directory> parse_directory(std::string_view body);

struct Account {
  Status status = Status::kValid;
  std::vector<std::string> contacts;
};
Result<Account> parse_account(std::string_view body);

struct Order {
  Status status = Status::kPending;
  std::vector<std::string> authorizations;  // URLs
  std::string finalize;                     // URL
  std::string certificate;                  // URL; kValid only
  std::optional<Problem> error;
};
Result<Order> parse_order(std::string_view body);

struct Challenge {
  std::string type;  // "http-01"
  std::string url;
  std::string token;  // base64url; of types that have none, empty
  Status status = Status::kPending;
  std::optional<Problem> error;
};
struct Authorization {
  std::string name;  // of identifier type dns
  Status status = Status::kPending;
  std::vector<Challenge> challenges;
};
Result<Authorization> parse_authorization(std::string_view body);

// https, a host, no spaces or controls, at most kUrlMax.
bool is_https_url(std::string_view url);

}  // namespace hauspost::acme
