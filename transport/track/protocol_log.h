// The protocol log (SMTP dialogues, as spoken) and the connectivity log (connections out). Both are
// for people who look for a fault; what cannot be written is counted, and stops no mail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace hauspost::transport {

// One line of a dialogue. REQUIRES of all here: one thread.
struct ProtocolLine {
  enum class Event : char {
    kConnected = '+',
    kClosed = '-',
    kSent = '>',      // by us
    kReceived = '<',  // from the other side
    kNote = '*',
  };
  std::string_view connector;
  Guid session;
  std::uint32_t number = 0;  // of the line within its session, from 0
  std::string_view local;    // address:port or host name; may be empty
  std::string_view remote;
  Event event = Event::kNote;
  std::string_view text;  // without its line end
};

class ProtocolLog {
 public:
  virtual ~ProtocolLog() = default;
  virtual void write(const ProtocolLine& line) = 0;
};

// One session's way into a protocol log. Made without a log it keeps nothing and costs a test.
// Callers give no octet of a message's content and no secret: for AUTH's responses they say
// sent("***"); the initial response of an AUTH command is masked here.
class ProtocolTrail {
 public:
  ProtocolTrail() = default;
  // `log` outlives it; null: keeps nothing.
  ProtocolTrail(ProtocolLog* log, std::string connector, const Guid& session, std::string local,
                std::string remote)
      : log_(log),
        connector_(log ? std::move(connector) : std::string()),
        session_(session),
        local_(log ? std::move(local) : std::string()),
        remote_(log ? std::move(remote) : std::string()) {}

  explicit operator bool() const { return log_ != nullptr; }

  void connected(std::string_view text = {}) { add(ProtocolLine::Event::kConnected, text); }
  void closed(std::string_view text = {}) { add(ProtocolLine::Event::kClosed, text); }
  // A command or a whole reply, with its line ends or without; each of its lines is one of the log.
  void sent(std::string_view text) { add(ProtocolLine::Event::kSent, text); }
  void received(std::string_view text) { add(ProtocolLine::Event::kReceived, text); }
  void note(std::string_view text) { add(ProtocolLine::Event::kNote, text); }

 private:
  void add(ProtocolLine::Event event, std::string_view text) {
    if (log_ != nullptr) add_lines(event, text);
  }
  void add_lines(ProtocolLine::Event event, std::string_view text);

  ProtocolLog* log_ = nullptr;
  std::string connector_;
  Guid session_;
  std::string local_;
  std::string remote_;
  std::uint32_t number_ = 0;
};

// What became of a connection out. One line when it was made or could not be, one when it ended.
struct ConnectionNote {
  enum class Event : char { kConnected = '+', kFailed = '!', kClosed = '-' };
  Event event = Event::kConnected;
  Guid session;
  std::string_view connector;
  std::string_view destination;  // the domain or smart host
  std::string_view remote;       // host and address; may be empty of kFailed
  std::string_view text;         // "TLSv1.3, verified by DANE"; why it failed; how it ended
  std::uint64_t messages = 0;    // of kClosed, as the next two
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
};

class ConnectivityLog {
 public:
  virtual ~ConnectivityLog() = default;
  virtual void write(const ConnectionNote& note) = 0;
};

}  // namespace hauspost::transport
