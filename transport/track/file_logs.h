// The tracker and the logs of connections as files.
#pragma once

#include "transport/track/protocol_log.h"
#include "transport/track/rotating_log.h"
#include "transport/track/track_line.h"
#include "transport/track/tracker.h"

namespace hauspost::transport {

// REQUIRES of all three: `log` and `clock` outlive it; one thread.
class FileTracker final : public Tracker {
 public:
  FileTracker(RotatingLog& log, const Clock& clock) : log_(log), clock_(clock) {}

  void set_enabled(bool enabled) { enabled_ = enabled; }
  void set_subjects(bool subjects) { subjects_ = subjects; }
  void record(const TrackedEvent& event) override;

 private:
  RotatingLog& log_;
  const Clock& clock_;
  TimeText times_;
  bool enabled_ = true;
  bool subjects_ = true;
};

// Comma-separated values (RFC 4180) after a line that names them.
inline constexpr std::string_view kProtocolLogFields =
    "time,connector,session,number,local,remote,event,text\n";
inline constexpr std::string_view kConnectivityLogFields =
    "time,session,connector,destination,remote,event,messages,recipients,bytes,text\n";

class FileProtocolLog final : public ProtocolLog {
 public:
  FileProtocolLog(RotatingLog& log, const Clock& clock) : log_(log), clock_(clock) {}
  void write(const ProtocolLine& line) override;

 private:
  RotatingLog& log_;
  const Clock& clock_;
  TimeText times_;
};

class FileConnectivityLog final : public ConnectivityLog {
 public:
  FileConnectivityLog(RotatingLog& log, const Clock& clock) : log_(log), clock_(clock) {}
  void set_enabled(bool enabled) { enabled_ = enabled; }
  void write(const ConnectionNote& note) override;

 private:
  RotatingLog& log_;
  const Clock& clock_;
  TimeText times_;
  bool enabled_ = true;
};

}  // namespace hauspost::transport
