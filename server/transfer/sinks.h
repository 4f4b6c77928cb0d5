// The sinks, by format. See open_sink() for what they fail with.
#pragma once

#include "server/transfer/sink.h"

namespace hauspost::transfer {

// One mboxrd file for all folders: each message says its own in X-Hauspost.
Result<std::unique_ptr<Sink>> open_mbox_sink(const std::string& path, const std::string& position);
// Maildir++; the time of a file is that of arrival, keywords stand in dovecot-keywords.
Result<std::unique_ptr<Sink>> open_maildir_sink(const std::string& path,
                                                const std::string& position);
// A folder of .eml files for each folder, with a manifest.
Result<std::unique_ptr<Sink>> open_eml_sink(const std::string& path, const std::string& position);
// The same in a zip archive; it cannot be gone on with.
Result<std::unique_ptr<Sink>> open_zip_sink(const std::string& path);

}  // namespace hauspost::transfer
