// Resolver: what transport asks of the DNS. Implemented over c-ares for the server and by a map in
// tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/clock.h"

namespace hauspost::dns {

// What became of a question. Only kFound has records; the others are told apart because what
// follows differs: SPF's void look-ups, RFC 5321's implicit MX, a retry.
enum class Outcome : std::uint8_t {
  kFound,
  kNoData,     // the name exists, without such records
  kNoName,     // NXDOMAIN
  kTemporary,  // SERVFAIL, time-out, no server: ask again later
};

template <class Record>
struct Answer {
  Outcome outcome = Outcome::kTemporary;
  std::vector<Record> records;
  Seconds ttl{};           // how long all of it holds; of negative answers too
  bool authentic = false;  // DNSSEC-validated (AD) by a resolver that is trusted to say so
  std::string canonical;   // the name behind CNAMEs; empty: as asked
  bool found() const { return outcome == Outcome::kFound; }
};

struct Mx {
  std::uint16_t preference = 0;
  std::string host;  // lower case, without the last dot; empty: null MX (RFC 7505)
};

// RFC 6698 section 2.1; data as octets.
struct Tlsa {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data;
};

// REQUIRES: the io thread. Names are A-labels without the last dot, in any case; one that no host
// can have is kNoName. Answers come from the cache where they may; a call may be cancelled.
class Resolver {
 public:
  virtual ~Resolver() = default;

  virtual Task<Answer<Mx>> mx(std::string name) = 0;  // by preference
  // Addresses as text: "192.0.2.1", "2001:db8::1".
  virtual Task<Answer<std::string>> a(std::string name) = 0;
  virtual Task<Answer<std::string>> aaaa(std::string name) = 0;
  virtual Task<Answer<std::string>> txt(std::string name) = 0;  // each record's strings joined
  virtual Task<Answer<Tlsa>> tlsa(std::string name) = 0;        // "_25._tcp.mail.example.org"
  // Names of an address, as text; not checked forwards.
  virtual Task<Answer<std::string>> ptr(std::string address) = 0;
};

}  // namespace hauspost::dns
