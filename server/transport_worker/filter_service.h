// FilterService: the filters of transport, as the directory's settings want them; what they must
// remember over a restart, below DATA/filters; and the calls about them and about quarantine.
#pragma once

#include "base/side_thread.h"
#include "base/task_group.h"
#include "server/directory/directory.h"
#include "transport/filter/engine.h"

namespace hauspost::transport_worker {

// REQUIRES: one thread; the tasks of start() and every session have ended before destruction.
class FilterService {
 public:
  // `services` and `reader` outlive it. Reads DATA/filters: blocks shortly.
  FilterService(Executor executor, transport::Services& services,
                const directory::DirectoryReader& reader, const std::string& data_root);

  transport::Filters& filters() { return engine_; }

  // The tasks that follow the settings and save what changed.
  void start(TaskGroup& tasks);
  // Writes what must be remembered: blocks shortly.
  void save();

  // A call of the supervisor (filter.proto); nullopt: it is none of the filters'.
  Task<std::optional<Result<std::string>>> handle_control(std::uint16_t method, std::string body);

 private:
  void apply_settings();
  void load();
  Task<void> follow_settings();
  Task<void> keep_saving();
  Result<std::string> clients();
  Result<std::string> lift(const std::string& body);
  Task<Result<std::string>> list(std::string body);
  Task<Result<std::string>> read(std::string body);
  Task<Result<std::string>> release(std::string body);
  Task<Result<std::string>> remove(std::string body);

  transport::Services& services_;
  const directory::DirectoryReader& reader_;
  std::string folder_;
  std::uint64_t version_ = 0;
  transport::FilterEngine engine_;
  SideThread side_;
};

}  // namespace hauspost::transport_worker
