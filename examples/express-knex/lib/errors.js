// Errors as JSON: {"error": {"code", "message", "detail", "hint"}} with a status code.

export class HttpError extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

// What the database refuses because of what the client sent, by SQLSTATE.
const STATUS_OF_SQLSTATE = {
	22023: 400, // invalid parameter value
	'22P02': 400, // invalid text representation
	22003: 400, // number out of range
	22007: 400, // invalid date or time
	42703: 400, // no such column
	54000: 400, // beyond a limit
	'02000': 404, // no data
	23503: 404, // the user does not exist
	23505: 409, // it is there already
};

function describe(error) {
	const status = STATUS_OF_SQLSTATE[error.code];
	if (status) {
		const { code, detail, hint } = error;
		// knex puts the statement before the server's own words.
		return { status, code, message: error.message.replace(/^.* - /s, ''), detail, hint };
	}
	// HttpError, and what express's own parsers raise.
	if (error.status >= 400 && error.status < 500) {
		return { status: error.status, code: error.code ?? error.type, message: error.message };
	}
	return { status: 500, code: 'internal', message: 'internal error' };
}

export function notFound(request) {
	throw new HttpError(404, 'not_found', `there is no ${request.method} ${request.path}`);
}

// Express tells an error handler by its four parameters.
export function errorHandler(error, request, response, next) {
	if (response.headersSent) return next(error);
	const { status, ...shown } = describe(error);
	if (status === 500) console.error(error);
	return response.status(status).json({ error: shown });
}
