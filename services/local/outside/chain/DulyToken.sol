// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Duly Dollar, the ERC-20 token of the local chain (6 decimals, never of any worth).
/// @notice Its owner mints, and can mark recipients to whom every transfer reverts.
contract DulyToken {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event RefusedSet(address indexed recipient, bool refused);

    error InsufficientBalance(address from, uint256 balance, uint256 needed);
    error InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
    error InvalidRecipient(address recipient);
    error RecipientRefused(address recipient);
    error NotOwner(address caller);

    string public constant name = "Duly Dollar";
    string public constant symbol = "DUSD";
    uint8 public constant decimals = 6;

    address public immutable owner;
    uint256 public totalSupply;
    mapping(address account => uint256) public balanceOf;
    mapping(address account => mapping(address spender => uint256)) public allowance;
    mapping(address recipient => bool) public refused;

    modifier onlyOwner() {
        require(msg.sender == owner, NotOwner(msg.sender));
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, InsufficientAllowance(msg.sender, allowed, value));
        // An unlimited allowance is never used up.
        if (allowed != type(uint256).max) allowance[from][msg.sender] = allowed - value;
        move(from, to, value);
        return true;
    }

    function mint(address to, uint256 value) external onlyOwner {
        require(to != address(0), InvalidRecipient(to));
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function setRefused(address recipient, bool isRefused) external onlyOwner {
        refused[recipient] = isRefused;
        emit RefusedSet(recipient, isRefused);
    }

    function move(address from, address to, uint256 value) private {
        require(to != address(0), InvalidRecipient(to));
        require(!refused[to], RecipientRefused(to));
        uint256 balance = balanceOf[from];
        require(balance >= value, InsufficientBalance(from, balance, value));
        balanceOf[from] = balance - value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
