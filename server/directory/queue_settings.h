// What an administrator sets for the queue: free settings of the directory with a meaning.
// Transport asks again whenever the directory has changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/directory/directory.h"
#include "transport/queue/pressure_gauge.h"
#include "transport/queue/queue_options.h"

namespace hauspost::directory {

class DirectoryWriter;

struct QueueSettings {
  transport::QueueOptions queue;  // its path is not set here
  transport::PressureLimits pressure;
};

enum class QueueUnit : std::uint8_t { kCount, kSeconds, kMebibytes, kPercent };

// One setting as it is named on the command line.
struct QueueSetting {
  std::string_view name;  // "glitch-interval"
  QueueUnit unit = QueueUnit::kCount;
  std::uint64_t value = 0;
  std::uint64_t usual = 0;
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  std::string_view words;  // what it is, in half a line
};
std::vector<QueueSetting> list(const QueueSettings& settings);
// kNotFound: no such setting; kInvalid: out of its range.
Result<> change(QueueSettings& settings, std::string_view name, std::uint64_t value);

// What was never set, and what is out of its range, has its default.
QueueSettings queue_settings(const DirectoryReader& reader);
// kInvalid: limits of pressure in the wrong order, or a delay notice after the expiry.
Result<> check(const QueueSettings& settings);
// As check(), nothing was written then; a failure of the disk may leave a part written.
Result<> set_queue_settings(DirectoryWriter& writer, const QueueSettings& settings);

}  // namespace hauspost::directory
