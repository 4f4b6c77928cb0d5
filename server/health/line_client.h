// LineClient: the client's side of a protocol of lines, over TCP and TLS, as far as probes speak
// it. Each step it takes stands in the report.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/socket_stream.h"
#include "base/tls/tls_stream.h"
#include "server/health/report.h"

namespace hauspost::health {

// A front door.
struct Door {
  std::string service;  // "imaps"; empty: there is none
  std::string address;  // textual IP address
  std::uint16_t port = 0;
  bool tls = false;    // from the first byte
  bool proxy = false;  // it wants a PROXY header from us

  bool there() const { return !service.empty(); }
};

// What probes share.
struct Means {
  const tls::TlsContext& tls;             // a client's, that verifies nobody
  std::vector<std::string> fingerprints;  // SHA-256 in hex; the server shows one of these
  std::string hostname;
  std::string password;
};

inline constexpr std::size_t kLineMax = 16 * 1024;

// REQUIRES: one thread; means and report outlive it. Errors: kUnavailable, kInvalid (the peer does
// not speak the protocol), kCancelled. kDenied: the server answers, and says no. kExhausted: it
// says no for a reason that tells nothing of its health: it takes nobody now, or its rules are
// against it.
class LineClient {
 public:
  LineClient(const Means& means, Report& report) : means_(means), report_(report) {}

  // Connects, sends the PROXY header, and begins TLS where the door wants it.
  Task<Result<>> open(const Door& door);
  Task<Result<>> start_tls();
  // The next line without its end.
  Task<Result<std::string>> line();
  // `text` with its line ends.
  Task<Result<>> send(std::string text);
  // The next step has this name.
  void step(std::string name);
  bool encrypted() const { return encrypted_; }

 private:
  Result<> check_certificate(const tls::TlsStream& stream) const;

  const Means& means_;
  Report& report_;
  std::unique_ptr<Stream> stream_;
  TcpStream* plain_ = nullptr;  // stream_, before TLS
  bool encrypted_ = false;
  std::string buffer_;
};

}  // namespace hauspost::health
