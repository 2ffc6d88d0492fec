//! The table of S3 error codes: wire name, HTTP status and the text AWS sends. It is data only and
//! must never build a response or decide which error applies.

/// Builds [`Code`] and its three look-ups from the one table below.
macro_rules! codes {
    ($($name:ident = $wire:literal, $status:literal, $message:literal;)*) => {
        /// An S3 error code. Each has one wire name, one HTTP status and one default message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the wire name in the table documents each")]
        pub enum Code { $($name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The text of the `<Code>` element.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $wire,)* }
            }

            /// The HTTP status that goes with the code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// The text of `<Message>` when the caller gives no other.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => $message,)* }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported = "AccessControlListNotSupported", 400,
        "The bucket does not allow ACLs.";
    AccessDenied = "AccessDenied", 403, "Access Denied.";
    AccessForbidden = "AccessForbidden", 403, "CORSResponse: CORS is not enabled for this bucket.";
    AmbiguousGrantByEmailAddress = "AmbiguousGrantByEmailAddress", 400,
        "The e-mail address you provided is associated with more than one account.";
    AuthorizationHeaderMalformed = "AuthorizationHeaderMalformed", 400,
        "The authorization header that you provided is not valid.";
    AuthorizationQueryParametersError = "AuthorizationQueryParametersError", 400,
        "The authorization query parameters that you provided are not valid.";
    BadDigest = "BadDigest", 400, "The Content-MD5 you specified did not match what we received.";
    BadRequest = "BadRequest", 400, "Bad Request";
    BucketAlreadyExists = "BucketAlreadyExists", 409,
        "The requested bucket name is not available. The bucket name can not be an existing \
         collection, and the bucket namespace is shared by all users of the system. Please \
         select a different name and try again.";
    BucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou", 409,
        "Your previous request to create the named bucket succeeded and you already own it.";
    BucketNotEmpty = "BucketNotEmpty", 409, "The bucket you tried to delete is not empty.";
    ConditionalRequestConflict = "ConditionalRequestConflict", 409,
        "The conditional request cannot succeed due to a conflicting operation against this \
         resource.";
    CredentialsNotSupported = "CredentialsNotSupported", 400,
        "This request does not support credentials.";
    CrossLocationLoggingProhibited = "CrossLocationLoggingProhibited", 403,
        "Cross-location logging not allowed.";
    EntityTooLarge = "EntityTooLarge", 400,
        "Your proposed upload exceeds the maximum allowed object size.";
    EntityTooSmall = "EntityTooSmall", 400,
        "Your proposed upload is smaller than the minimum allowed size";
    ExpiredToken = "ExpiredToken", 400, "The provided token has expired.";
    IllegalLocationConstraintException = "IllegalLocationConstraintException", 400,
        "The unspecified location constraint is incompatible for the region specific endpoint \
         this request was sent to.";
    IllegalVersioningConfigurationException = "IllegalVersioningConfigurationException", 400,
        "The versioning configuration specified in the request is invalid.";
    IncompleteBody = "IncompleteBody", 400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header";
    IncorrectNumberOfFilesInPostRequest = "IncorrectNumberOfFilesInPostRequest", 400,
        "POST requires exactly one file upload per request.";
    InlineDataTooLarge = "InlineDataTooLarge", 400,
        "Inline data exceeds the maximum allowed size.";
    InternalError = "InternalError", 500,
        "We encountered an internal error, please try again.";
    InvalidAccessKeyId = "InvalidAccessKeyId", 403,
        "The AWS Access Key Id you provided does not exist in our records.";
    InvalidArgument = "InvalidArgument", 400, "Invalid Argument";
    InvalidBucketAclWithObjectOwnership = "InvalidBucketAclWithObjectOwnership", 400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
    InvalidBucketName = "InvalidBucketName", 400, "The specified bucket is not valid.";
    InvalidBucketOwnerAwsAccountId = "InvalidBucketOwnerAWSAccountID", 400,
        "The value of the expected bucket owner parameter must be an AWS Account ID.";
    InvalidBucketState = "InvalidBucketState", 409,
        "The request is not valid with the current state of the bucket.";
    InvalidChunkSizeError = "InvalidChunkSizeError", 400,
        "Only the last chunk is allowed to have a size less than 8192 bytes";
    InvalidDigest = "InvalidDigest", 400, "The Content-Md5 you specified is not valid.";
    InvalidEncryptionAlgorithmError = "InvalidEncryptionAlgorithmError", 400,
        "The encryption request you specified is not valid. The valid value is AES256.";
    InvalidLocationConstraint = "InvalidLocationConstraint", 400,
        "The specified location-constraint is not valid";
    InvalidObjectState = "InvalidObjectState", 403,
        "The operation is not valid for the current state of the object.";
    InvalidPart = "InvalidPart", 400,
        "One or more of the specified parts could not be found.  The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.";
    InvalidPartNumber = "InvalidPartNumber", 416, "The requested partnumber is not satisfiable.";
    InvalidPartOrder = "InvalidPartOrder", 400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.";
    InvalidPolicyDocument = "InvalidPolicyDocument", 400, "Invalid Policy";
    InvalidRange = "InvalidRange", 416, "The requested range is not satisfiable";
    InvalidRedirectLocation = "InvalidRedirectLocation", 400,
        "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.";
    InvalidRequest = "InvalidRequest", 400, "Invalid Request.";
    InvalidSecurity = "InvalidSecurity", 403, "The provided security credentials are not valid.";
    InvalidStorageClass = "InvalidStorageClass", 400,
        "The storage class you specified is not valid";
    InvalidTag = "InvalidTag", 400, "The TagKey you have provided is invalid";
    InvalidToken = "InvalidToken", 400,
        "The provided token is malformed or otherwise invalid.";
    InvalidUri = "InvalidURI", 400, "The specified URI couldn't be parsed.";
    KeyTooLongError = "KeyTooLongError", 400, "Your key is too long.";
    MalformedAclError = "MalformedACLError", 400,
        "The XML you provided was not well-formed or did not validate against our published \
         schema.";
    MalformedPolicy = "MalformedPolicy", 400, "This policy contains invalid Json";
    MalformedPostRequest = "MalformedPOSTRequest", 400,
        "The body of your POST request is not well-formed multipart/form-data.";
    MalformedTrailerError = "MalformedTrailerError", 400,
        "The request contained trailing data that was not well-formed or did not conform to our \
         published schema.";
    MalformedXml = "MalformedXML", 400,
        "The XML you provided was not well-formed or did not validate against our published \
         schema.";
    MaxMessageLengthExceeded = "MaxMessageLengthExceeded", 400, "Your request was too big.";
    MaxPostPreDataLengthExceeded = "MaxPostPreDataLengthExceededError", 400,
        "Your POST request fields preceding the upload file were too large.";
    MetadataTooLarge = "MetadataTooLarge", 400,
        "Your metadata headers exceed the maximum allowed metadata size";
    MethodNotAllowed = "MethodNotAllowed", 405,
        "The specified method is not allowed against this resource.";
    MissingContentLength = "MissingContentLength", 411,
        "You must provide the Content-Length HTTP header.";
    MissingRequestBodyError = "MissingRequestBodyError", 400, "Request Body is empty";
    MissingSecurityHeader = "MissingSecurityHeader", 400,
        "Your request was missing a required header.";
    NoSuchBucket = "NoSuchBucket", 404, "The specified bucket does not exist.";
    NoSuchBucketPolicy = "NoSuchBucketPolicy", 404, "The bucket policy does not exist.";
    NoSuchConfiguration = "NoSuchConfiguration", 404,
        "The specified configuration does not exist.";
    NoSuchCorsConfiguration = "NoSuchCORSConfiguration", 404,
        "The CORS configuration does not exist";
    NoSuchKey = "NoSuchKey", 404, "The specified key does not exist.";
    NoSuchLifecycleConfiguration = "NoSuchLifecycleConfiguration", 404,
        "The lifecycle configuration does not exist";
    NoSuchObjectLockConfiguration = "NoSuchObjectLockConfiguration", 404,
        "The specified object does not have a ObjectLock configuration.";
    NoSuchPublicAccessBlockConfiguration = "NoSuchPublicAccessBlockConfiguration", 404,
        "The public access block configuration was not found";
    NoSuchTagSet = "NoSuchTagSet", 404, "The TagSet does not exist.";
    NoSuchUpload = "NoSuchUpload", 404,
        "The specified multipart upload does not exist. The upload ID may be invalid, or the \
         upload may have been aborted or completed.";
    NoSuchVersion = "NoSuchVersion", 404, "The specified version does not exist.";
    NoSuchWebsiteConfiguration = "NoSuchWebsiteConfiguration", 404,
        "The specified bucket does not have a website configuration";
    NotImplemented = "NotImplemented", 501,
        "A header you provided implies functionality that is not implemented.";
    NotModified = "NotModified", 304, "Not Modified";
    ObjectLockConfigurationNotFoundError = "ObjectLockConfigurationNotFoundError", 404,
        "Object Lock configuration does not exist for this bucket.";
    OperationAborted = "OperationAborted", 409,
        "A conflicting conditional operation is currently in progress against this resource. \
         Please try again.";
    OwnershipControlsNotFoundError = "OwnershipControlsNotFoundError", 404,
        "The bucket ownership controls were not found.";
    PermanentRedirect = "PermanentRedirect", 301,
        "The bucket you are attempting to access must be addressed using the specified endpoint. \
         Please send all future requests to this endpoint.";
    PreconditionFailed = "PreconditionFailed", 412,
        "At least one of the pre-conditions you specified did not hold.";
    ReplicationConfigurationNotFoundError = "ReplicationConfigurationNotFoundError", 404,
        "The replication configuration was not found";
    RequestHeaderSectionTooLarge = "RequestHeaderSectionTooLarge", 400,
        "Your request header section exceeds the maximum allowed size.";
    RequestTimeTooSkewed = "RequestTimeTooSkewed", 403,
        "The difference between the request time and the current time is too large.";
    RequestTimeout = "RequestTimeout", 400,
        "Your socket connection to the server was not read from or written to within the timeout \
         period. Idle connections will be closed.";
    ServerSideEncryptionConfigurationNotFoundError =
        "ServerSideEncryptionConfigurationNotFoundError", 404,
        "The server side encryption configuration was not found";
    ServiceUnavailable = "ServiceUnavailable", 503, "Service is unable to handle request.";
    SignatureDoesNotMatch = "SignatureDoesNotMatch", 403,
        "The request signature we calculated does not match the signature you provided. Check \
         your key and signing method.";
    SlowDown = "SlowDown", 503, "Please reduce your request rate.";
    TooManyBuckets = "TooManyBuckets", 400,
        "You have attempted to create more buckets than allowed";
    TooManyParts = "TooManyParts", 400, "You have attempted to upload more parts than allowed.";
    UnexpectedContent = "UnexpectedContent", 400, "This request does not support content.";
    UnresolvableGrantByEmailAddress = "UnresolvableGrantByEmailAddress", 400,
        "The e-mail address you provided does not match any account on record.";
    UnsupportedSignature = "UnsupportedSignature", 400,
        "The provided request is signed with an unsupported STS Token version or the signature \
         version is not supported.";
    UserKeyMustBeSpecified = "UserKeyMustBeSpecified", 400,
        "The bucket POST must contain the specified field name. If it is specified, check the \
         order of the fields.";
    XAmzContentSha256Mismatch = "XAmzContentSHA256Mismatch", 400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.";
}
