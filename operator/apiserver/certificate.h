#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace headpond::apiserver {

// Makes a P-256 key and a certificate that it signs itself, for `localhost` and 127.0.0.1, valid
// for ten years, and writes both as PEM (the key readable by its owner only), unless both files are
// there. Clients trust the certificate because their kubeconfig holds it.
Status EnsureCertificate(const std::string& certificate_path, const std::string& key_path,
                         const Clock& clock);

// Replaces a file as a whole; only its owner may read it. Its folder must be private to the owner.
Status WritePrivately(const std::string& path, const std::string& content);

// 32 random bytes as text. Internal when the system has no randomness to give.
Result<std::string> MakeToken();

}  // namespace headpond::apiserver
