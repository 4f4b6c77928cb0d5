// TransportLogs: transport's tracking, protocol and connectivity logs below DATA/logs, as the
// directory's settings want them, and the questions about them.
#pragma once

#include "base/side_thread.h"
#include "base/task_group.h"
#include "server/directory/track_settings.h"
#include "transport/services.h"
#include "transport/track/file_logs.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; the tasks of start() have ended before destruction.
class TransportLogs {
 public:
  // `reader` and `clock` outlive it.
  TransportLogs(Executor executor, const std::string& data_root,
                const directory::DirectoryReader& reader, const Clock& clock);

  // Lets `services` write here.
  void lend_to(transport::Services& services);
  // Of dialogues and connections with other servers.
  transport::ProtocolLog& send_log() { return send_; }
  transport::ConnectivityLog& connectivity_log() { return connectivity_; }
  // The tasks that write what is gathered and follow the settings.
  void start(TaskGroup& tasks);

  // track.proto. The body of TrackSearchRequest and of its reply; errors as search_tracking().
  Task<Result<std::string>> search(std::string body);
  // TrackShowRequest: kNotFound when no event knows that name; kInvalid: it is no name.
  Task<Result<std::string>> show(std::string body);

 private:
  void apply_settings();
  void flush();
  Task<void> follow_settings();

  Executor executor_;
  const directory::DirectoryReader& reader_;
  std::string folder_;
  std::uint64_t version_ = 0;
  transport::RotatingLog tracking_file_;
  transport::RotatingLog receive_file_;
  transport::RotatingLog send_file_;
  transport::RotatingLog connectivity_file_;
  transport::FileTracker tracker_;
  transport::FileProtocolLog receive_;
  transport::FileProtocolLog send_;
  transport::FileConnectivityLog connectivity_;
  SideThread side_;
};

}  // namespace hauspost::transport_worker
